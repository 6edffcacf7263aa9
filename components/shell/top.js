// The top bar: menu button on narrow screens, installation, where we are, who is signed in.
import { h } from "vue";
import { icon, Menu } from "quarterdeck";
import { forgetAll, offer } from "quarterdeck/kept.js";

const THEMES = [
  ["auto", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export default {
  props: { data: String },
  data: () => ({ theme: window.quarterdeckTheme?.get() ?? "auto" }),
  computed: {
    d() {
      return JSON.parse(this.data);
    },
  },
  methods: {
    menu() {
      const root = document.documentElement,
        open = root.dataset.menu !== "open";
      root.dataset.menu = open ? "open" : "";
      if (open) this.$nextTick(() => document.querySelector(".qd-nav a")?.focus());
    },
    choose(theme) {
      this.theme = theme;
      window.quarterdeckTheme.set(theme);
    },
  },
  mounted() {
    offer(this.d.who);
  },
  render() {
    const d = this.d,
      initials = d.name
        .split(/\s+/)
        .map((w) => w[0])
        .slice(0, 2)
        .join("")
        .toUpperCase();
    return h("header", { class: "top" }, [
      h(
        "button",
        { type: "button", class: "btn quiet square to-nav", "aria-label": "Menu", onClick: this.menu },
        icon("menu"),
      ),
      h("span", { class: ["env", `env-${d.color}`] }, d.environment),
      h("nav", { class: "crumb", "aria-label": "You are here" }, [
        ...d.trail.flatMap(([words, to]) => [h("a", { href: to }, words), h("span", { "aria-hidden": "true" }, " / ")]),
        h("b", { "aria-current": "page" }, d.title),
      ]),
      d.insecure ? h("strong", { class: "insecure", role: "note" }, "Not encrypted: reached without TLS") : null,
      h(
        Menu,
        { class: "end me-menu", kind: "me", hint: `Account of ${d.name}` },
        {
          button: () => initials,
          default: ({ close }) => [
            h("div", { class: "who" }, [h("b", null, d.name), h("span", null, d.email), h("span", null, d.role)]),
            h("fieldset", null, [
              h("legend", null, "Theme"),
              ...THEMES.map(([value, words]) =>
                h("label", { class: "item" }, [
                  h("input", {
                    type: "radio",
                    name: "theme",
                    value,
                    checked: this.theme === value,
                    onChange: () => this.choose(value),
                  }),
                  words,
                ]),
              ),
            ]),
            d.profile ? h("a", { class: "item", href: "/profile", onClick: close }, "My profile") : null,
            h(
              "form",
              { method: "post", action: "/auth/logout", onSubmit: forgetAll },
              h("button", { class: "item", type: "submit" }, "Sign out"),
            ),
          ],
        },
      ),
    ]);
  },
};
