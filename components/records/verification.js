// The badge of a log that can be believed; red, with the places, when it cannot.
import { h } from "vue";
import { pill, relative, absolute } from "quarterdeck";

const EVERY = 10000;

export default {
  props: { data: String },
  emits: ["look", "act"],
  data: () => ({ now: Date.now(), busy: false }),
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  watch: {
    data() {
      this.busy = false;
      this.now = Date.now();
    },
  },
  mounted() {
    this.ticker = setInterval(() => {
      if (!document.hidden) this.now = Date.now();
    }, 1000);
    this.looker = setInterval(() => {
      if (!document.hidden) this.$emit("look");
    }, EVERY);
  },
  beforeUnmount() {
    clearInterval(this.ticker);
    clearInterval(this.looker);
  },
  methods: {
    verify() {
      this.busy = true;
      this.$emit("act");
    },
  },
  render() {
    const d = this.d,
      age = d.at ? `, ${relative(d.at, this.now)}` : "";
    return h("section", { class: ["verified", `tone-${d.tone}`], "aria-label": "Verification" }, [
      h("div", { class: "row", role: d.tone === "bad" ? "alert" : null }, [
        h("span", { title: d.at ? absolute(d.at) : null }, [pill([d.words + age, d.tone])]),
        d.note ? h("span", { class: "mut" }, d.note) : null,
        h(
          "button",
          { type: "button", class: "btn small", disabled: this.busy, onClick: this.verify },
          this.busy ? "Verifying …" : "Verify now",
        ),
      ]),
      d.findings.length
        ? h(
            "ul",
            null,
            d.findings.map((f) =>
              h("li", null, f.opens ? h("a", { class: "l", href: f.opens }, f.sentence) : f.sentence),
            ),
          )
        : null,
    ]);
  },
};
