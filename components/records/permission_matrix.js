// Who may do what. One table; on a narrow screen each row says in words who may.
import { h } from "vue";

export default {
  props: { data: String },
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  methods: {
    mark(may, i) {
      const head = this.d.heads[i],
        own = this.d.own === head && "own";
      return h(
        "td",
        { class: [may ? "may" : "not", own] },
        may
          ? [h("span", { class: "mark", "aria-hidden": "true" }, "✓"), h("span", { class: "word" }, head)]
          : h("span", { class: "unseen" }, "no"),
      );
    },
    group([title, rows]) {
      return h("tbody", { key: title }, [
        h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: this.d.heads.length + 1 }, title)),
        ...rows.map(([words, name, marks, notes]) =>
          h("tr", { key: name }, [
            h("th", { scope: "row" }, [
              words,
              " ",
              h("code", { class: "mut" }, name),
              notes.map((note) => h("small", { class: "mut" }, note)),
            ]),
            ...marks.map(this.mark),
          ]),
        ),
      ]);
    },
  },
  render() {
    const d = this.d;
    return h(
      "div",
      { class: "panel matrix" },
      h("table", { "aria-label": d.label }, [
        h(
          "thead",
          null,
          h("tr", null, [
            h("th", { scope: "col" }, h("span", { class: "unseen" }, "May")),
            ...d.heads.map((head) => h("th", { scope: "col", class: d.own === head && "own" }, head)),
          ]),
        ),
        ...d.groups.map(this.group),
      ]),
    );
  },
};
