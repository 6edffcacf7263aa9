// One number over time beside its words: a label, what it is now, a line, and what the line means.
import { h } from "vue";
import { sparkline } from "quarterdeck";

export default {
  props: { data: String },
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  render() {
    const d = this.d;
    return h("section", { class: "panel sparkcard", "aria-label": d.label }, [
      h("div", { class: "k" }, d.label),
      h("div", { class: ["v", d.value_tone && `is-${d.value_tone}`] }, d.value),
      sparkline(d.values, `${d.label}: ${d.said}`, d.tone),
      h("div", { class: "d" }, d.note),
    ]);
  },
};
