// Our record beside somebody else's: a line for each thing both tell, marked where they differ.
import { h } from "vue";
import { cell, pill } from "quarterdeck";

export default {
  props: { data: String },
  emits: ["again"],
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
    verdict() {
      if (this.d.busy) return `Asking ${this.d.sides[1]} …`;
      const n = this.d.pairs?.filter(([, , , , same]) => same === false).length;
      return n === undefined ? "" : n ? `${n} ${n === 1 ? "difference" : "differences"}` : "No difference";
    },
  },
  methods: {
    table() {
      const [ours, theirs] = this.d.sides;
      const side = (name, kind, value, label) => h("td", { "data-side": name }, [cell(kind, value, { head: label })]);
      return h("table", { "aria-label": this.d.title, "aria-busy": String(this.d.busy) }, [
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            ["", ours, theirs, ""].map((words, i) => (words ? h("th", { scope: "col" }, words) : h("td", { key: i }))),
          ),
        ),
        h(
          "tbody",
          null,
          this.d.pairs.map(([label, kind, a, b, same]) =>
            h("tr", { key: label, class: { differs: same === false } }, [
              h("th", { scope: "row" }, label),
              side(ours, kind, a, label),
              side(theirs, kind, b, label),
              h(
                "td",
                { class: "mark" },
                same === false ? [pill(["Differs", "warn"])] : same ? [h("span", { class: "mut" }, "Same")] : [],
              ),
            ]),
          ),
        ),
      ]);
    },
    instead() {
      const s = this.d.silence;
      if (s) return h("div", { class: "quiet" }, [h("h3", null, s.title), h("p", null, s.sentence)]);
      return h(
        "div",
        { class: "bones page-bones", "aria-hidden": "true" },
        Array.from({ length: 6 }, (_, i) => h("i", { key: i })),
      );
    },
  },
  render() {
    const d = this.d,
      again = !d.silence || d.silence.again;
    return h("section", { class: ["panel", "compare", d.busy && d.pairs && "dim"], "aria-label": d.title }, [
      h("div", { class: "sec" }, [
        h("h2", null, d.title),
        h("span", { role: "status", "aria-live": "polite" }, this.verdict),
        again
          ? h(
              "button",
              { type: "button", class: "btn small", disabled: d.busy, onClick: () => this.$emit("again") },
              "Ask again",
            )
          : null,
      ]),
      d.pairs ? this.table() : this.instead(),
    ]);
  },
};
