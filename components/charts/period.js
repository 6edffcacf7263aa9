// Chooses a range of days and a time zone; both stand in the URL, so that a shared link shows the same.
import { h } from "vue";
import { go, Menu } from "quarterdeck";

const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
const all = () => (Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : []);

function address(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) query.set(name, value);
  return `${location.pathname}?${query.toString().replaceAll("%2F", "/").replaceAll("%3A", ":")}`;
}

export default {
  props: { data: String },
  data: () => ({ first: "", last: "" }),
  computed: {
    d() {
      return JSON.parse(this.data);
    },
  },
  mounted() {
    this.name();
  },
  updated() {
    this.name();
  },
  methods: {
    /** Whoever gets this link has another zone: it says which one is meant. */
    name() {
      if (this.d.name === null || new URLSearchParams(location.search).has("zone")) return;
      if (this.d.zone !== here() && this.d.zone === "UTC" && all().includes(here())) go(address({ zone: here() }));
      else history.replaceState(history.state, "", address({ zone: this.d.zone }));
    },
    apply(event, close) {
      event.preventDefault();
      close();
      go(address({ range: `${this.first}..${this.last}` }));
    },
    custom() {
      const d = this.d,
        today = new Date().toLocaleDateString("sv"),
        field = (label, key, min) =>
          h("label", { class: "pair" }, [
            label,
            h("input", {
              type: "date",
              required: true,
              value: this[key],
              min,
              max: today,
              onInput: (e) => {
                this[key] = e.target.value;
              },
            }),
          ]);
      return h(
        Menu,
        {
          kind: d.name === "" ? "on" : "",
          hint: "Choose the days",
          onToggle: (open) => {
            if (open) {
              this.first = d.first;
              this.last = d.last;
            }
          },
        },
        {
          button: () => (d.name === "" ? d.words : "Custom"),
          default: ({ close }) =>
            h("form", { onSubmit: (e) => this.apply(e, close) }, [
              field("From", "first", "2015-01-01"),
              field("To", "last", this.first),
              h("div", { class: "pair" }, h("button", { class: "btn go", type: "submit" }, "Show these days")),
            ]),
        },
      );
    },
    zones() {
      const zone = this.d.zone,
        near = [...new Set([zone, here(), "UTC"])],
        option = (z) => h("option", { value: z, selected: z === zone }, z === here() ? `${z} (this browser)` : z);
      return h("label", { class: "zone" }, [
        h("span", { class: "mut" }, "Time zone"),
        h("select", { value: zone, onChange: (e) => go(address({ zone: e.target.value })) }, [
          ...near.map(option),
          h(
            "optgroup",
            { label: "All" },
            all()
              .filter((z) => !near.includes(z))
              .map(option),
          ),
        ]),
      ]);
    },
  },
  render() {
    const d = this.d;
    return h("div", { class: "bar period" }, [
      h("div", { class: "seg", role: "group", "aria-label": "Range" }, [
        ...d.presets.map(([name, words]) =>
          h(
            "button",
            {
              type: "button",
              class: d.name === name && "on",
              "aria-pressed": String(d.name === name),
              onClick: () => go(address({ range: name })),
            },
            words,
          ),
        ),
        this.custom(),
      ]),
      this.zones(),
    ]);
  },
};
