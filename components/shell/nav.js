// The navigation: groups of links, collapsed to icons on wish, a menu on narrow screens.
import { h } from "vue";
import { icon } from "quarterdeck";

export default {
  props: { data: String },
  data: () => ({ folded: document.documentElement.dataset.nav === "folded" }),
  computed: {
    d() {
      return JSON.parse(this.data);
    },
  },
  methods: {
    fold() {
      this.folded = !this.folded;
      document.documentElement.dataset.nav = this.folded ? "folded" : "";
      try {
        localStorage.setItem("nav", this.folded ? "folded" : "");
      } catch {
        /* private windows may refuse; it is only a wish */
      }
    },
    close() {
      document.documentElement.dataset.menu = "";
    },
    key(event) {
      if (event.key === "Escape") {
        this.close();
        document.querySelector(".to-nav")?.focus();
      }
    },
    here(path) {
      const now = this.d.current;
      return path === now || (path !== "/" && now.startsWith(`${path}/`));
    },
  },
  render() {
    const groups = [...new Set(this.d.entries.map(([group]) => group))];
    return h("nav", { class: "qd-nav", "aria-label": "Main", onKeydown: this.key }, [
      h("div", { class: "brand" }, [h("i", { "aria-hidden": "true" }), h("span", null, "Quarterdeck")]),
      ...groups.map((group) =>
        h("div", { class: "group", role: group ? "group" : null, "aria-label": group || null }, [
          group ? h("div", { class: "group-name", "aria-hidden": "true" }, group) : null,
          ...this.d.entries
            .filter(([g]) => g === group)
            .map(([, title, path, name]) =>
              h(
                "a",
                {
                  href: path,
                  class: { on: this.here(path) },
                  "aria-current": this.here(path) ? "page" : null,
                  title: this.folded ? title : null,
                  onClick: this.close,
                },
                [icon(name), h("span", null, title)],
              ),
            ),
        ]),
      ),
      h(
        "button",
        {
          type: "button",
          class: "fold",
          "aria-label": this.folded ? "Widen navigation" : "Narrow navigation",
          "aria-expanded": String(!this.folded),
          onClick: this.fold,
        },
        [icon("fold"), h("span", null, "Narrow")],
      ),
    ]);
  },
};
