// A form, alone or in a native dialog. What is typed stays here until it is sent, and in the tab if the page goes away.
import { h } from "vue";
import { forget, keep, trailed, typed } from "quarterdeck/kept.js";

/** What is wrong with a text that ought to be a JSON object of at most so many bytes; "" is nothing. */
export function problemOf(text, most) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `Not JSON yet${place(text, String(error.message))}.`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return "Write an object: names and values between { and }.";
  const size = new Blob([JSON.stringify(value)]).size;
  return size > most ? `${(size / 1024).toFixed(1)} KB: at most ${Math.floor(most / 1024)} KB fit.` : "";
}

const TOKEN =
  /\s*(?:[{}[\],:]|true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|$)/y;

/** Where a text stops being JSON. Browsers say it in words of their own, or leave it out: then the first word counts
 * that is none. */
function place(text, message) {
  const lines = /line (\d+) column (\d+)/.exec(message),
    position = /position (\d+)/.exec(message);
  if (lines) return `: look at line ${lines[1]}, column ${lines[2]}`;
  if (/end of/.test(message)) return ": the end is missing";
  let at = position ? Number(position[1]) : 0;
  if (!position) {
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length && TOKEN.test(text);) at = TOKEN.lastIndex;
    at += /^\s*/.exec(text.slice(at))[0].length;
  }
  const before = text.slice(0, at).split("\n");
  return at < text.length ? `: look at line ${before.length}, column ${before.at(-1).length + 1}` : "";
}

export default {
  props: { data: String },
  emits: ["submit", "close"],
  // No prototype: what is asked about in a conflict may be called "__proto__".
  data: () => ({ values: Object.create(null), busy: false, sought: {}, copied: false, changed: {} }),
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  watch: {
    "d.stamp"() {
      this.busy = false;
      if (!Object.keys(this.d.errors).length) {
        forget(this.d);
        this.first = { ...this.values };
      }
      this.$nextTick(() => this.$el.querySelector("[aria-invalid=true]")?.focus());
    },
  },
  created() {
    for (const f of this.d.fields)
      this.values[f.name] = f.value || (f.kind === "choice" && f.required ? (f.choices[0]?.[0] ?? "") : "");
    for (const c of this.d.conflict ?? []) this.values[c.name] = "";
    this.first = { ...this.values };
    this.form = { ...this.d, trail: trailed() };
    for (const [name, [stood, text]] of Object.entries(typed(this.d))) {
      if (!(name in this.values)) continue;
      if (stood !== this.values[name])
        this.changed[name] =
          `What stood here has changed since you typed this. It is “${this.values[name].slice(0, 60)}” now.`;
      this.values[name] = text;
    }
    this.$watch("values", (values) => keep(this.form, this.first, values), { deep: true });
  },
  mounted() {
    if (!this.d.dialog) return;
    this.opener = document.activeElement;
    this.$el.showModal();
    this.$el.querySelector("input,textarea,select,.go")?.focus();
  },
  beforeUnmount() {
    forget(this.d);
    if (!this.d.dialog) return;
    if (this.$el.open) this.$el.close();
    if (this.opener?.isConnected) this.opener.focus();
  },
  methods: {
    /** What is wrong with a field, as far as it can be told here. */
    wrong(f) {
      return f.kind === "json" ? problemOf(String(this.values[f.name]), f.max_length) : "";
    },
    close() {
      forget(this.d);
      this.$emit("close");
    },
    asked(f) {
      return !f.when || this.values[f.when[0]] === f.when[1];
    },
    ready() {
      return (
        this.d.fields.every(
          (f) =>
            !this.asked(f) ||
            (!this.wrong(f) &&
              (!f.required || String(this.values[f.name]).trim()) &&
              (!f.must_equal || this.values[f.name] === f.must_equal)),
        ) && (this.d.conflict ?? []).every((c) => this.values[c.name])
      );
    },
    send(event) {
      event.preventDefault();
      if (this.busy || !this.ready()) return;
      this.busy = true;
      this.$emit("submit", { ...this.values });
    },
    field(f) {
      if (!this.asked(f)) return null;
      if (f.kind === "many") return this.many(f);
      const id = `f-${this.$.uid}-${f.name}`,
        wrong = this.wrong(f),
        error = wrong || this.d.errors[f.name] || this.changed[f.name];
      const common = {
        id,
        name: f.name,
        required: f.required,
        value: this.values[f.name],
        autocomplete: "off",
        maxlength: f.kind === "json" ? null : f.max_length,
        "aria-invalid": String(!!error),
        "aria-describedby": error || f.hint ? `${id}-hint` : null,
        onInput: (e) => {
          this.values[f.name] = e.target.value;
        },
        onKeydown: (e) => {
          if (e.key === "Enter" && (e.metaKey || e.ctrlKey)) this.send(e);
        },
      };
      const input =
        f.kind === "long"
          ? h("textarea", { ...common, rows: 3 })
          : f.kind === "json"
            ? h("textarea", {
                ...common,
                rows: 10,
                class: "code",
                spellcheck: false,
                autocapitalize: "off",
                wrap: "off",
              })
            : f.kind === "choice"
              ? h("select", common, [
                  f.required ? null : h("option", { value: "" }, ""),
                  ...f.choices.map(([v, w]) => h("option", { value: v }, w)),
                ])
              : h("input", {
                  ...common,
                  type: f.kind === "email" ? "email" : "text",
                  inputmode: { number: "decimal", email: "email" }[f.kind] ?? null,
                });
      return h("div", { class: "field", key: f.name }, [
        h("label", { for: id }, [f.label, f.required ? null : h("span", { class: "mut" }, " (optional)")]),
        input,
        error
          ? h("p", { class: "wrong", id: `${id}-hint`, role: wrong ? "status" : null }, error)
          : f.hint
            ? h("p", { class: "hint", id: `${id}-hint` }, f.hint)
            : null,
      ]);
    },
    /** What is shown this once: an address, a token. */
    once(label, value) {
      const copy = () =>
        navigator.clipboard?.writeText(value).then(() => {
          this.copied = true;
        });
      return h("div", { class: "field" }, [
        h("label", { for: `f-${this.$.uid}-once` }, label),
        h("div", { class: "row once" }, [
          h("input", {
            id: `f-${this.$.uid}-once`,
            type: "text",
            readonly: true,
            value,
            spellcheck: false,
            autocomplete: "off",
            onFocus: (e) => {
              e.target.select();
              e.target.scrollLeft = 0;
            },
          }),
          h(
            "button",
            { type: "button", class: "btn", onClick: copy },
            this.copied ? "Copied" : `Copy ${label.toLowerCase()}`,
          ),
        ]),
        h("p", { class: "unseen", role: "status" }, this.copied ? "Copied" : ""),
      ]);
    },
    many(f) {
      const error = this.d.errors[f.name],
        chosen = new Set(this.values[f.name].split(",").filter(Boolean));
      const sought = (this.sought[f.name] ?? "").toLowerCase();
      const tick = (value, on) => {
        if (on) chosen.add(value);
        else chosen.delete(value);
        this.values[f.name] = [...chosen].join(",");
      };
      return h("fieldset", { class: "field", key: f.name }, [
        h("legend", null, [f.label, h("span", { class: "mut", "aria-live": "polite" }, ` ${chosen.size} chosen`)]),
        f.choices.length > 8
          ? h("input", {
              type: "search",
              "aria-label": `Find in ${f.label}`,
              placeholder: "Find …",
              value: this.sought[f.name] ?? "",
              onInput: (e) => {
                this.sought[f.name] = e.target.value;
              },
            })
          : null,
        h(
          "div",
          { class: "ticks" },
          f.choices
            .filter(([, words]) => words.toLowerCase().includes(sought))
            .map(([value, words]) =>
              h("label", { class: "item", key: value }, [
                h("input", {
                  type: "checkbox",
                  checked: chosen.has(value),
                  onChange: (e) => tick(value, e.target.checked),
                }),
                h("span", null, words),
              ]),
            ),
        ),
        error ? h("p", { class: "wrong", role: "alert" }, error) : f.hint ? h("p", { class: "hint" }, f.hint) : null,
      ]);
    },
    choice(c) {
      const option = (value, label, text) =>
        h("label", { class: ["side", this.values[c.name] === value && "on"] }, [
          h("input", {
            type: "radio",
            name: `conflict-${c.name}`,
            value,
            checked: this.values[c.name] === value,
            onChange: () => {
              this.values[c.name] = value;
            },
          }),
          h("span", { class: "mut" }, label),
          h("code", null, text),
        ]);
      return h("fieldset", { class: "conflict", key: c.name }, [
        h("legend", null, [c.label, h("span", { class: "mut" }, ["  was ", h("code", null, c.original)])]),
        h("div", { class: "sides" }, [option("mine", "Keep mine", c.yours), option("theirs", "Take theirs", c.theirs)]),
      ]);
    },
  },
  render() {
    const d = this.d,
      inside = [
        ...(d.plan?.length
          ? [
              d.plan.length === 1
                ? h("p", { class: "plan" }, d.plan[0])
                : h(
                    "ul",
                    { class: "plan" },
                    d.plan.map((line) => h("li", null, line)),
                  ),
            ]
          : []),
        d.link ? this.once("Link", location.origin + d.link) : null,
        d.token ? this.once("Token", d.token) : null,
        ...(d.conflict ?? []).map(this.choice),
        ...d.fields.map(this.field),
        d.errors[""] ? h("p", { class: "wrong", role: "alert" }, d.errors[""]) : null,
      ];
    const submit = h(
      "button",
      { type: "submit", class: ["btn", d.danger ? "danger-go" : "go"], disabled: this.busy || !this.ready() },
      this.busy ? "Working …" : d.submit,
    );
    if (!d.dialog)
      return h("form", { class: "form", "aria-label": d.label || null, onSubmit: this.send, novalidate: true }, [
        ...inside,
        h("div", { class: "row" }, [submit]),
      ]);
    return h(
      "dialog",
      {
        class: "ask",
        "aria-label": d.label,
        onCancel: (e) => {
          e.preventDefault();
          this.close();
        },
        onClose: this.close,
      },
      [
        h("form", { method: "dialog", onSubmit: this.send, novalidate: true }, [
          h("h2", null, d.label),
          ...inside,
          h("div", { class: "row end" }, [
            h("button", { type: "button", class: "btn", onClick: this.close }, "Close"),
            submit,
          ]),
        ]),
      ],
    );
  },
};
