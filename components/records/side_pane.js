// A look at one record beside the list: what happened, what changed, where to go on.
import { h } from "vue";
import { go, number, when } from "quarterdeck";

const shown = (value) =>
  value === null || value === ""
    ? h("span", { class: "none" }, "nothing")
    : value === true
      ? "yes"
      : value === false
        ? "no"
        : number(value);

export default {
  props: { data: String },
  emits: ["close"],
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  mounted() {
    this.opener = document.activeElement;
    this.$el.showModal();
  },
  beforeUnmount() {
    if (this.$el.open) this.$el.close();
    if (this.opener?.isConnected) this.opener.focus();
  },
  methods: {
    close() {
      this.$emit("close");
    },
    /** A click beside the pane closes it. */
    beside(event) {
      if (event.target === this.$el) this.close();
    },
    leave(event, address) {
      event.preventDefault();
      this.close();
      go(address);
    },
    change([name, before, after]) {
      return h("tr", null, [
        h("th", { scope: "row" }, name),
        h("td", null, h("del", null, shown(before))),
        h("td", null, h("ins", null, shown(after))),
      ]);
    },
  },
  render() {
    const d = this.d;
    return h(
      "dialog",
      {
        class: "quick",
        "aria-label": d.title,
        onCancel: (e) => {
          e.preventDefault();
          this.close();
        },
        onClose: this.close,
        onClick: this.beside,
      },
      [
        h("div", { class: "inside" }, [
          h("div", { class: "row" }, [
            h("h2", null, d.title),
            h("button", { type: "button", class: "btn small", onClick: this.close }, "Close"),
          ]),
          h(
            "p",
            { class: "said" },
            d.parts.map(([words, to]) =>
              to === null
                ? words
                : to
                  ? h("a", { class: "l", href: to, onClick: (e) => this.leave(e, to) }, words)
                  : h("b", null, words),
            ),
          ),
          h("p", { class: "mut" }, [when(d.at), d.reason ? h("span", null, ` · “${d.reason}”`) : null]),
          d.changes.length
            ? h("table", { class: "was-is" }, [
                h(
                  "thead",
                  null,
                  h("tr", null, [
                    h("th", { scope: "col" }, "Field"),
                    h("th", { scope: "col" }, "Before"),
                    h("th", { scope: "col" }, "After"),
                  ]),
                ),
                h("tbody", null, d.changes.map(this.change)),
              ])
            : null,
          h(
            "dl",
            { class: "facts" },
            d.facts.map(([label, value]) => h("div", null, [h("dt", null, label), h("dd", null, value)])),
          ),
          h(
            "div",
            { class: "row" },
            d.links.map(([words, to], i) =>
              h("a", { class: ["btn", i === 0 && "go"], href: to, onClick: (e) => this.leave(e, to) }, words),
            ),
          ),
        ]),
      ],
    );
  },
};
