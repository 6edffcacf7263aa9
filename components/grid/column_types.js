// The columns of a file before its import: types, words for "missing", required; below them the first rows.

import { h, markRaw } from "vue";

const SHOWN = 50;
const WORDS = {
  text: "Text",
  long_text: "Long text",
  integer: "Whole number",
  number: "Number",
  boolean: "Yes or no",
  date: "Date",
  datetime: "Date and time",
  choice: "Choice",
  multi_choice: "Several choices",
  url: "Web address",
  image: "Image",
  json: "JSON",
};
const NUMERIC = new Set(["integer", "number"]);

export default {
  props: { columns: String, preview: String },
  emits: ["change"],
  data: () => ({ chosen: [] }),
  computed: {
    types() {
      return JSON.parse(this.columns).types;
    },
    first() {
      return markRaw(JSON.parse(this.preview));
    },
    rejected() {
      return new Map(this.first.rejected.map(([row, column, sentence]) => [`${row} ${column}`, sentence]));
    },
  },
  watch: {
    columns: {
      immediate: true,
      handler() {
        this.chosen = JSON.parse(this.columns).columns;
      },
    },
  },
  methods: {
    tell() {
      this.$emit(
        "change",
        this.chosen.map(({ key, type, required, missing }) => ({
          key,
          type,
          required,
          missing: missing.filter((word) => word.on).map((word) => word.token),
        })),
      );
    },
    set(column, values) {
      Object.assign(column, values);
      this.tell();
    },
    words(column) {
      if (!column.missing.length) return h("span", { class: "qd-missing" }, "none found");
      return column.missing.map((word) =>
        h(
          "button",
          {
            type: "button",
            class: ["qd-word", { "qd-on": word.on }],
            "aria-pressed": word.on,
            title: word.on
              ? "Read as missing. Press to keep it as a value."
              : "Kept as a value. Press to read it as missing.",
            onClick: () => {
              word.on = !word.on;
              this.tell();
            },
          },
          [word.token === "" ? "empty" : word.token, h("small", word.count.toLocaleString("en"))],
        ),
      );
    },
    row(column) {
      const type = h(
        "select",
        {
          value: column.type,
          "aria-label": `Type of ${column.label}`,
          onChange: (event) => this.set(column, { type: event.target.value }),
        },
        this.types.map((name) => h("option", { value: name, selected: name === column.type }, WORDS[name] || name)),
      );
      const required = h("input", {
        type: "checkbox",
        checked: column.required,
        "aria-label": `${column.label} is required`,
        onChange: (event) => this.set(column, { required: event.target.checked }),
      });
      return h("tr", { key: column.key }, [
        h("th", { scope: "row" }, [h("span", { class: "qd-cut", title: column.label }, column.label)]),
        h("td", [h("code", { title: column.key }, column.key)]),
        h("td", [type]),
        h("td", [h("div", { class: "qd-words" }, this.words(column))]),
        h("td", { class: "qd-center" }, [required]),
        h("td", [
          h(
            "span",
            { class: "qd-samples", title: column.samples.join(" · ") },
            column.samples.slice(0, 3).join(" · ") || "–",
          ),
        ]),
        h("td", { class: "qd-note" }, column.note),
      ]);
    },
    cell(value, row, column) {
      const sentence = this.rejected.get(`${row} ${column}`);
      const numeric = NUMERIC.has(this.chosen[column]?.type);
      const missing = value === null || this.chosen[column]?.missing.some((word) => word.on && word.token === value);
      const shown = missing
        ? [h("span", { class: "qd-missing" }, "–")]
        : [h("span", { class: "qd-cut", title: value.length > 24 ? value : undefined }, value)];
      if (sentence) shown.push(h("span", { class: "qd-hidden" }, ` (${sentence})`));
      return h("td", { class: { "qd-end": numeric, "qd-rejected": sentence }, title: sentence }, shown);
    },
    previewTable() {
      const rows = this.first.rows.slice(0, SHOWN);
      return h("table", { "aria-label": "Preview" }, [
        h("thead", [
          h("tr", [
            h("th", { scope: "col", class: "qd-end" }, "#"),
            ...this.chosen.map((column) =>
              h("th", { scope: "col", class: { "qd-end": NUMERIC.has(column.type) } }, column.label),
            ),
          ]),
        ]),
        h(
          "tbody",
          rows.map((cells, row) =>
            h("tr", [
              h("td", { class: "qd-end qd-note" }, row + 1),
              ...cells.map((value, column) => this.cell(value, row, column)),
            ]),
          ),
        ),
      ]);
    },
  },
  render() {
    const heads = ["Column", "Key", "Type", "Read as missing", "Required", "Samples", "Found"];
    const bad = this.first.rejected.length;
    return h("div", { class: "qd-columns" }, [
      h("div", { class: "qd-scroll", tabindex: 0, role: "region", "aria-label": "Columns of the file" }, [
        h("table", { "aria-label": "Columns" }, [
          h("thead", [
            h(
              "tr",
              heads.map((words) => h("th", { scope: "col" }, words)),
            ),
          ]),
          h(
            "tbody",
            this.chosen.map((column) => this.row(column)),
          ),
        ]),
      ]),
      h("p", { class: "qd-caption", role: "status" }, [
        h("strong", "First rows"),
        bad
          ? h("span", { class: "qd-status qd-bad" }, `${bad} ${bad === 1 ? "cell" : "cells"} would be rejected`)
          : null,
      ]),
      h("div", { class: "qd-scroll qd-low", tabindex: 0, role: "region", "aria-label": "First rows of the file" }, [
        this.previewTable(),
      ]),
    ]);
  },
};
