// Filters as chips, kept in the URL. The text of a chip and its URL form come from the server; new ones are written
// here.

import { h, markRaw, nextTick } from "vue";

const INPUTS = { date: "date", datetime: "datetime-local" };

/** The value of an `f` parameter; the form is explained where the server reads it. */
function encode(field, operator, values) {
  if (operator.takes === "nothing") return `${field}.${operator.code}`;
  const raw = operator.takes === "one" ? values[0] : values.map((value) => value.replace(/[\\,]/g, "\\$&")).join(",");
  return `${field}.${operator.code}.${raw}`;
}

export default {
  props: { fields: String, operators: String, chips: String },
  data: () => ({ open: false, replaced: null, field: "", op: "", values: ["", ""], picked: [], wrong: "" }),
  computed: {
    known() {
      return markRaw(JSON.parse(this.fields));
    },
    fitting() {
      return markRaw(JSON.parse(this.operators));
    },
    shown() {
      return markRaw(JSON.parse(this.chips));
    },
    current() {
      return this.known.find((field) => field.key === this.field);
    },
    choices() {
      return this.fitting[this.current.type];
    },
    operator() {
      return this.choices.find((operator) => operator.code === this.op) || this.choices[0];
    },
    boxes() {
      const words = this.current.type === "boolean" ? [] : this.current.choices;
      return this.operator.takes === "many" && words.length ? words : null;
    },
  },
  mounted() {
    this.outside = (event) => this.open && !this.$el.contains(event.target) && this.close(false);
    document.addEventListener("pointerdown", this.outside);
  },
  unmounted() {
    document.removeEventListener("pointerdown", this.outside);
  },
  methods: {
    navigate(change) {
      const query = new URLSearchParams(location.search);
      const written = query.getAll("f");
      query.delete("f");
      for (const f of change(written)) query.append("f", f);
      const path = location.pathname.slice((window.path_prefix || "").length);
      emitEvent("sub_pages_navigate", query.size ? `${path}?${query}` : path);
    },
    remove(chip) {
      this.navigate((written) => written.filter((f) => f !== chip.f));
      this.$refs.add.focus();
    },
    start(chip) {
      this.replaced = chip;
      this.field = chip?.field && this.known.some((field) => field.key === chip.field) ? chip.field : this.known[0].key;
      this.op = chip?.op || this.choices[0].code;
      this.values =
        this.boxes || !chip
          ? ["", ""]
          : this.operator.takes === "many"
            ? [chip.values.join(", "), ""]
            : [...chip.values, "", ""].slice(0, 2);
      this.picked = this.boxes && chip ? [...chip.values] : [];
      this.wrong = "";
      this.open = true;
      nextTick(() => this.$refs.field.focus());
    },
    close(back = true) {
      this.open = false;
      if (back) this.$refs.add.focus();
    },
    choose(field) {
      this.field = field;
      this.op = this.choices[0].code;
      this.values = ["", ""];
      this.picked = [];
    },
    typed() {
      const { takes } = this.operator;
      if (takes === "nothing") return [];
      if (this.boxes) return this.picked;
      if (takes === "many")
        return this.values[0]
          .split(",")
          .map((value) => value.trim())
          .filter(Boolean);
      return this.values
        .slice(0, takes === "two" ? 2 : 1)
        .map((value) => (this.current.type.includes("text") ? value : value.trim()));
    },
    wrongWith(values) {
      const { takes } = this.operator;
      if (takes !== "nothing" && (!values.length || values.some((value) => value === "")))
        return "Fill in a value first.";
      const shape = { integer: /^[+-]?\d{1,40}$/, number: /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i }[this.current.type];
      const strange = shape && values.find((value) => !shape.test(value));
      return strange === undefined || !shape
        ? ""
        : `“${strange}” is not a ${this.current.type === "integer" ? "whole number" : "number"}.`;
    },
    submit() {
      const values = this.typed();
      this.wrong = this.wrongWith(values);
      if (this.wrong) return;
      const f = encode(this.field, this.operator, values);
      const old = this.replaced?.f;
      this.navigate((written) => [
        ...new Set(old ? written.map((each) => (each === old ? f : each)) : [...written, f]),
      ]);
      this.close();
    },
    chip(chip) {
      return h("span", { class: "qd-chip", key: chip.f }, [
        h("button", { type: "button", title: "Change this filter", onClick: () => this.start(chip) }, chip.words),
        h(
          "button",
          {
            type: "button",
            class: "qd-cross",
            "aria-label": `Remove filter ${chip.words}`,
            onClick: () => this.remove(chip),
          },
          "×",
        ),
      ]);
    },
    select(name, value, options, onChange, ref) {
      return h("label", [
        name,
        h(
          "select",
          { ref, value, "aria-label": name, onChange: (event) => onChange(event.target.value) },
          options.map(([code, words]) => h("option", { value: code, selected: code === value }, words)),
        ),
      ]);
    },
    valueInputs() {
      const { takes } = this.operator;
      if (takes === "nothing") return [];
      if (this.boxes) {
        const toggle = (word) => (event) =>
          (this.picked = event.target.checked ? [...this.picked, word] : this.picked.filter((each) => each !== word));
        return [
          h("fieldset", [
            h("legend", "Values"),
            ...this.boxes.map((word) =>
              h("label", { class: "qd-box" }, [
                h("input", { type: "checkbox", checked: this.picked.includes(word), onChange: toggle(word) }),
                word,
              ]),
            ),
          ]),
        ];
      }
      if (this.current.type === "boolean") {
        if (!this.values[0]) this.values[0] = "true";
        return [
          this.select(
            "Value",
            this.values[0],
            [
              ["true", "Yes"],
              ["false", "No"],
            ],
            (value) => (this.values[0] = value),
          ),
        ];
      }
      if (this.operator.code === "not" && this.current.choices.length) {
        if (!this.values[0]) this.values[0] = this.current.choices[0];
        return [
          this.select(
            "Value",
            this.values[0],
            this.current.choices.map((word) => [word, word]),
            (value) => (this.values[0] = value),
          ),
        ];
      }
      return Array.from({ length: takes === "two" ? 2 : 1 }, (_, i) => this.valueInput(takes, i));
    },
    valueInput(takes, i) {
      const name = takes === "two" ? ["From", "To"][i] : takes === "many" ? "Values, with commas between" : "Value";
      const numeric = { integer: "numeric", number: "decimal" }[this.current.type];
      return h("label", [
        name,
        h("input", {
          type: takes === "many" ? "text" : INPUTS[this.current.type] || "text",
          inputmode: takes === "many" ? undefined : numeric,
          value: this.values[i],
          "aria-label": name,
          "aria-invalid": Boolean(this.wrong),
          onInput: (event) => {
            this.values[i] = event.target.value;
            this.wrong = "";
          },
        }),
      ]);
    },
    popover() {
      const escape = (event) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          this.close();
        }
      };
      return h(
        "form",
        {
          class: "qd-popover",
          role: "dialog",
          "aria-label": this.replaced ? "Change a filter" : "Add a filter",
          onKeydown: escape,
          onSubmit: (event) => {
            event.preventDefault();
            this.submit();
          },
        },
        [
          this.select(
            "Field",
            this.field,
            this.known.map((field) => [field.key, field.label]),
            this.choose,
            "field",
          ),
          this.select(
            "Condition",
            this.operator.code,
            this.choices.map((each) => [each.code, each.words]),
            (code) => (this.op = code),
          ),
          ...this.valueInputs(),
          h("p", { class: "qd-wrong", role: "alert" }, this.wrong),
          h("div", { class: "qd-buttons" }, [
            h("button", { type: "button", class: "qd-button", onClick: () => this.close() }, "Cancel"),
            h("button", { class: "qd-button qd-main" }, this.replaced ? "Change filter" : "Add filter"),
          ]),
        ],
      );
    },
  },
  render() {
    return h("div", { class: "qd-filters", role: "group", "aria-label": "Filters" }, [
      ...this.shown.map((chip) => this.chip(chip)),
      h("span", { class: "qd-add" }, [
        h(
          "button",
          {
            type: "button",
            ref: "add",
            class: "qd-chip qd-new",
            "aria-haspopup": "dialog",
            "aria-expanded": this.open,
            onClick: () => (this.open ? this.close() : this.start(null)),
          },
          "+ Filter",
        ),
        this.open ? this.popover() : null,
      ]),
    ]);
  },
};
