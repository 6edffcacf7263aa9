// The chips of a list's filters, and the menu that adds one.
import { h } from "vue";
import { Menu, absolute, icon } from "quarterdeck";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const words = (filter, value) => filter.choices?.find(([v]) => v === value)?.[1] ?? value;
const day = (iso) => (iso ? absolute(iso).replace(/ at .*|, .*/, "") : "");

/** What a chip says of its values: "Failed, Running +2", "last 24 h", "3 Nov 2026 to now". */
function said(filter, values) {
  if (filter.kind === "choice")
    return (
      values
        .slice(0, 2)
        .map((v) => words(filter, v))
        .join(", ") + (values.length > 2 ? ` +${values.length - 2}` : "")
    );
  if (filter.kind === "id") return values[0].replaceAll("-", "").slice(-8);
  if (filter.kind === "exact") return values[0];
  if (filter.kind === "day") return DAY.test(values[0]) ? day(`${values[0]}T12:00:00`) : values[0];
  if (filter.kind !== "time") return `“${values[0]}”`;
  if (!values[0].includes("..")) return words(filter, values[0]);
  const [from, to] = values[0].split("..");
  return from && to ? `${day(from)} to ${day(to)}` : from ? `since ${day(from)}` : `until ${day(to)}`;
}

function choiceEditor(filter, values, set) {
  return h("fieldset", null, [
    h("legend", { class: "unseen" }, filter.label),
    ...filter.choices.map(([value, label]) =>
      h("label", { class: "item" }, [
        h("input", {
          type: "checkbox",
          checked: values.includes(value),
          onChange: (e) => set(e.target.checked ? [...values, value] : values.filter((v) => v !== value)),
        }),
        label,
      ]),
    ),
  ]);
}

function timeEditor(filter, values, set, close) {
  const [from = "", to = ""] = values[0]?.includes("..") ? values[0].split("..") : [];
  const local = (iso) => {
    if (!iso) return "";
    const d = new Date(iso);
    d.setMinutes(d.getMinutes() - d.getTimezoneOffset());
    return d.toISOString().slice(0, 16);
  };
  const moment = (label, value, change) =>
    h("label", { class: "pair" }, [
      label,
      h("input", {
        type: "datetime-local",
        value: local(value),
        onChange: (e) => change(e.target.value ? new Date(e.target.value).toISOString() : ""),
      }),
    ]);
  const both = (f, t) => set(f || t ? [`${f}..${t}`] : []);
  return [
    ...filter.choices.map(([value, label]) =>
      h(
        "button",
        {
          type: "button",
          class: ["item", values[0] === value && "on"],
          onClick: () => {
            set([value]);
            close();
          },
        },
        label,
      ),
    ),
    h(
      "button",
      {
        type: "button",
        class: "item",
        onClick: () => {
          set([]);
          close();
        },
      },
      "any time",
    ),
    moment("From", from, (value) => both(value, to)),
    moment("To", to, (value) => both(from, value)),
  ];
}

/** An input whose words count when Enter is pressed. What is typed stays, however often the list around it is drawn. */
export const Typed = {
  props: { given: String },
  emits: ["enter"],
  data() {
    return { text: this.given, sent: null };
  },
  watch: {
    given(now) {
      if (now === this.sent) this.sent = null;
      else this.text = now;
    },
  },
  methods: {
    send() {
      this.sent = this.text.trim();
      this.$emit("enter", this.sent ? [this.sent] : []);
    },
  },
  render() {
    return h("input", {
      value: this.text,
      onInput: (e) => {
        this.text = e.target.value;
      },
      onKeydown: (e) => {
        if (e.key === "Enter") this.send();
      },
      onSearch: (e) => {
        if (!e.target.value && this.given) this.send();
      }, // the small cross of a search field
    });
  },
};

function textEditor(filter, values, set, close) {
  return h("label", { class: "pair" }, [
    filter.label,
    h(Typed, {
      type: "text",
      given: values[0] ?? "",
      placeholder: filter.kind === "id" ? "Id" : (filter.hint ?? "contains …"),
      onEnter: (words) => {
        set(words);
        close();
      },
    }),
    h("small", null, "Press Enter to apply."),
  ]);
}

/** A day to move the list to; it counts once it is whole. */
function dayEditor(filter, values, set, close) {
  return h("label", { class: "pair" }, [
    filter.label,
    h("input", {
      type: "date",
      value: values[0] ?? "",
      onChange: (e) => {
        if (e.target.value) {
          set([e.target.value]);
          close();
        }
      },
    }),
  ]);
}

function editor(filter, values, set, close) {
  if (filter.kind === "day") return dayEditor(filter, values, set, close);
  if (filter.kind === "choice") return choiceEditor(filter, values, set);
  return (filter.kind === "time" ? timeEditor : textEditor)(filter, values, set, close);
}

/** One chip for each filter that is set or pinned; it opens its editor, and × takes it away. */
export function chips(d, ask, onToggle) {
  return d.filters
    .filter((f) => f.pinned || d.query[f.name])
    .map((f) => {
      const values = d.query[f.name] ?? [],
        set = (next) => ask({ [f.name]: next });
      return h("span", { key: f.name, class: ["chip", values.length && "on"] }, [
        h(
          Menu,
          { kind: "plain", onToggle },
          {
            button: () => [`${f.label} `, h("b", null, values.length ? said(f, values) : "any")],
            default: ({ close }) => editor(f, values, set, close),
          },
        ),
        values.length
          ? h(
              "button",
              { type: "button", class: "plain", "aria-label": `Remove filter ${f.label}`, onClick: () => set([]) },
              icon("close"),
            )
          : null,
      ]);
    });
}

/** "+ Filter": choose one that is not set yet, then its value, in the same menu. */
export function adder(d, ask, onToggle) {
  const free = d.filters.filter((f) => !f.pinned && !d.query[f.name]);
  return free.length ? h(Adder, { key: "adder", filters: free, ask, onToggle }) : null;
}

const Adder = {
  props: { filters: Array, ask: Function },
  emits: ["toggle"],
  data: () => ({ chosen: null }),
  methods: {
    toggled(open) {
      this.chosen = open && this.filters.length === 1 ? this.filters[0].name : null;
      this.$emit("toggle", open);
    },
    choose(name) {
      this.chosen = name;
      this.$nextTick(() => this.$el.querySelector(".pop :is(input,button)")?.focus());
    },
  },
  render() {
    return h(
      Menu,
      { kind: "chip", label: "+ Filter", onToggle: this.toggled },
      {
        default: ({ close }) => {
          const filter = this.filters.find((f) => f.name === this.chosen);
          if (!filter)
            return this.filters.map((f) =>
              h("button", { type: "button", class: "item", onClick: () => this.choose(f.name) }, f.label),
            );
          return [
            h("strong", { class: "item-head" }, filter.label),
            editor(filter, [], (next) => this.ask({ [filter.name]: next }), close),
          ];
        },
      },
    );
  },
};
