// A form that the browser itself sends: nothing typed into it is seen by any script of ours.
import { h } from "vue";

export default {
  props: { data: String },
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  render() {
    const d = this.d,
      id = (name) => `p-${this.$.uid}-${name}`;
    if (d.doors)
      return h("section", { class: "panel", "aria-label": d.title }, [
        h("div", { class: "sec" }, h("h2", null, d.title)),
        h("form", { class: "plain-form doors", method: "get", action: d.doors[0][1] }, [
          h("p", { class: "mut" }, d.sentence),
          h(
            "div",
            { class: "row" },
            d.doors.map(([label, to]) => h("button", { class: "btn", type: "submit", formaction: to, key: to }, label)),
          ),
        ]),
      ]);
    return h("section", { class: "panel", "aria-label": d.title }, [
      h("div", { class: "sec" }, h("h2", null, d.title)),
      h("form", { class: "plain-form", method: "post", action: d.action }, [
        h("input", {
          class: "unseen",
          type: "text",
          tabindex: -1,
          readonly: true,
          "aria-hidden": "true",
          autocomplete: "username",
          value: d.username,
        }),
        ...d.fields.map((f) =>
          h("div", { class: "field", key: f.name }, [
            h("label", { for: id(f.name) }, f.label),
            h("input", {
              id: id(f.name),
              name: f.name,
              type: "password",
              required: true,
              autocomplete: f.fills,
              minlength: f.min_length,
              maxlength: 1024,
              "aria-describedby": f.hint ? id(`${f.name}-hint`) : null,
            }),
            f.hint ? h("p", { class: "hint", id: id(`${f.name}-hint`) }, f.hint) : null,
          ]),
        ),
        h("button", { class: "btn", type: "submit" }, d.submit),
      ]),
    ]);
  },
};
