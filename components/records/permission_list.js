// What one person may do, and why: one table; on a narrow screen each row becomes a few lines.
import { h } from "vue";
import { pill } from "quarterdeck";

export default {
  props: { data: String },
  data: () => ({ only: false }),
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  methods: {
    row([words, name, may, why]) {
      return h("tr", { key: name }, [
        h("th", { scope: "row" }, [words, " ", h("code", { class: "mut" }, name)]),
        h("td", null, pill(may ? ["Yes", "ok"] : ["No", "idle"])),
        h("td", { class: "why" }, why),
      ]);
    },
    group([title, rows]) {
      const shown = this.only ? rows.filter((row) => row[2]) : rows;
      return shown.length
        ? h("tbody", { key: title }, [
            h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: 3 }, title)),
            ...shown.map(this.row),
          ])
        : null;
    },
  },
  render() {
    const d = this.d,
      all = d.groups.flatMap(([, rows]) => rows),
      may = all.filter((row) => row[2]).length;
    const heads = ["What", "May", "Why"].map((head) => h("th", { scope: "col" }, head));
    return h("div", { class: "panel verdicts" }, [
      h("div", { class: "sec" }, [
        h("h2", null, `${may} of ${all.length}`),
        h("label", { class: "only" }, [
          h("input", {
            type: "checkbox",
            checked: this.only,
            onChange: () => {
              this.only = !this.only;
            },
          }),
          "Only what they may",
        ]),
      ]),
      h("table", { "aria-label": d.label }, [h("thead", null, h("tr", null, heads)), ...d.groups.map(this.group)]),
      may || !this.only ? null : h("p", { class: "none mut" }, "Nothing."),
    ]);
  },
};
