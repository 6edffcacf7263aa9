// A card with one number over time: headline, bars, the same as a table, what it means. Colours are the theme's own.
import { h } from "vue";
import { go, icon } from "quarterdeck";

const HEIGHT = 168,
  TOP = 10,
  BOTTOM = 22;

/** The address of this screen with one name of its query set anew (several values, or none). */
function address(name, values) {
  const query = new URLSearchParams(location.search);
  query.delete(name);
  values.forEach((value) => query.append(name, value));
  const said = query.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  return location.pathname + (said ? `?${said}` : "");
}

const change = (c) =>
  c && h("p", { class: "change" }, [h("b", { class: c.tone && `is-${c.tone}` }, c.words), ` ${c.against}`]);
const linked = (opens, range) => opens.replace("{range}", encodeURIComponent(range));

export default {
  props: { data: String },
  emits: ["again"],
  data: () => ({ width: 0, at: null, copied: false }),
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
    whole() {
      const s = this.d.slots;
      return `${s[0][2].split("..")[0]}..${s[s.length - 1][2].split("..")[1]}`;
    },
    left() {
      return 10 + Math.max(...this.d.ticks.map(([, words]) => words.length)) * 7;
    },
    band() {
      return Math.max(0, this.width - this.left - 4) / this.d.slots.length;
    },
  },
  mounted() {
    this.watcher = new ResizeObserver(([entry]) => {
      this.width = Math.floor(entry.contentRect.width);
    });
    this.watch();
  },
  updated() {
    this.watch();
  },
  beforeUnmount() {
    this.watcher.disconnect();
  },
  methods: {
    watch() {
      if (this.watched === this.$refs.plot) return;
      this.watcher.disconnect();
      this.watched = this.$refs.plot;
      if (this.watched) this.watcher.observe(this.watched);
    },
    y(value) {
      const top = this.d.ticks[this.d.ticks.length - 1][0];
      return TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
    },
    point(event) {
      const i = Math.floor((event.clientX - this.$refs.plot.getBoundingClientRect().left - this.left) / this.band);
      this.at = i >= 0 && i < this.d.slots.length ? i : null;
    },
    key(event) {
      const last = this.d.slots.length - 1,
        now = this.at ?? last;
      const next = {
        ArrowLeft: Math.max(0, now - 1),
        ArrowRight: Math.min(last, now + 1),
        Home: 0,
        End: last,
        Escape: null,
      }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      this.at = next;
    },
    show(table) {
      const shown = new URLSearchParams(location.search).getAll("table").filter((key) => key !== this.d.key);
      go(address("table", table ? [...shown, this.d.key] : shown));
    },
    copy() {
      const rows = [...this.$el.querySelectorAll("table tr")].map((row) =>
        [...row.cells].map((cell) => cell.innerText.trim()).join("\t"),
      );
      navigator.clipboard?.writeText(rows.join("\n")).then(() => {
        this.copied = true;
        setTimeout(() => {
          this.copied = false;
        }, 1500);
      });
    },
    bars() {
      const wide = Math.max(1, Math.min(28, this.band * 0.72));
      return this.d.slots.flatMap((_, i) => {
        let below = 0;
        return this.d.series
          .filter((s) => s.values[i])
          .map((s) => {
            const from = this.y(below),
              to = this.y((below += s.values[i]));
            return h("rect", {
              class: `fill-${s.tone}`,
              x: this.left + (i + 0.5) * this.band - wide / 2,
              y: to,
              width: wide,
              height: Math.max(1, from - to),
            });
          });
      });
    },
    names() {
      const every = Math.max(1, Math.ceil(58 / this.band));
      return this.d.slots
        .map(([short], i) => [short, i])
        .filter(([, i]) => i % every === 0 && (i + 0.5) * this.band < this.width - this.left - 16)
        .map(([short, i]) => h("text", { class: "name", x: this.left + (i + 0.5) * this.band, y: HEIGHT - 6 }, short));
    },
    tip() {
      if (this.at === null) return null;
      const i = this.at,
        d = this.d,
        right = this.left + (i + 0.5) * this.band > this.width / 2;
      const place = right
        ? { right: `${this.width - this.left - i * this.band + 6}px` }
        : { left: `${this.left + (i + 1) * this.band + 6}px` };
      return h("div", { class: "tip", style: place }, [
        h("b", null, d.slots[i][1]),
        ...d.series.map((s) =>
          h("span", null, [h("i", { class: `dot fill-${s.tone}` }), `${s.label} `, h("b", null, s.said[i])]),
        ),
        d.series.length > 1 ? h("span", { class: "all" }, [`${d.together} `, h("b", null, d.sums[i])]) : null,
      ]);
    },
    chart() {
      const d = this.d,
        said =
          this.at === null
            ? ""
            : `${d.slots[this.at][1]}: ${d.series.map((s) => `${s.label} ${s.said[this.at]}`).join(", ")}`;
      return h(
        "div",
        {
          class: "plot",
          ref: "plot",
          tabindex: 0,
          role: "group",
          "aria-label": `Chart of ${d.title}, ${d.slots.length} parts. Arrow keys read them out; the table shows all.`,
          onPointermove: this.point,
          onPointerleave: () => {
            this.at = null;
          },
          onKeydown: this.key,
          onBlur: () => {
            this.at = null;
          },
        },
        [
          this.width
            ? h("svg", { width: this.width, height: HEIGHT, "aria-hidden": "true", focusable: "false" }, [
                ...d.ticks.flatMap(([value, words]) => [
                  h("line", {
                    class: value ? "grid" : "ground",
                    x1: this.left,
                    x2: this.width,
                    y1: this.y(value),
                    y2: this.y(value),
                  }),
                  h("text", { class: "tick", x: this.left - 8, y: this.y(value) + 4 }, words),
                ]),
                this.at === null
                  ? null
                  : h("rect", {
                      class: "here",
                      x: this.left + this.at * this.band,
                      y: TOP,
                      width: this.band,
                      height: HEIGHT - TOP - BOTTOM,
                    }),
                ...this.bars(),
                ...this.names(),
                d.empty
                  ? h(
                      "text",
                      { class: "zero", x: (this.left + this.width) / 2, y: HEIGHT / 2 },
                      "0 in all of this range",
                    )
                  : null,
              ])
            : h("div", { style: { height: `${HEIGHT}px` } }),
          this.tip(),
          h("span", { class: "unseen", "aria-live": "polite" }, said),
        ],
      );
    },
    table() {
      const d = this.d,
        several = d.series.length > 1;
      return h(
        "div",
        { class: "figures", tabindex: 0, role: "region", "aria-label": `${d.title} as a table` },
        h("table", null, [
          h("caption", { class: "unseen" }, `${d.title}, ${d.range}`),
          h(
            "thead",
            null,
            h("tr", null, [
              h("th", { scope: "col" }, "When"),
              ...d.series.map((s) => h("th", { scope: "col" }, s.label)),
              several ? h("th", { scope: "col" }, d.together) : null,
            ]),
          ),
          h(
            "tbody",
            null,
            d.slots.map(([, words, range], i) =>
              h("tr", { key: range }, [
                h(
                  "th",
                  { scope: "row" },
                  d.opens ? h("a", { class: "l", href: linked(d.opens, range) }, words) : words,
                ),
                ...d.series.map((s) => h("td", null, s.said[i])),
                several ? h("td", null, d.sums[i]) : null,
              ]),
            ),
          ),
          h(
            "tfoot",
            null,
            h("tr", null, [
              h("th", { scope: "row" }, d.all),
              ...d.series.map((s) => h("td", null, s.sum)),
              several ? h("td", null, d.sum) : null,
            ]),
          ),
        ]),
      );
    },
    legend() {
      return this.d.series.length > 1
        ? h(
            "ul",
            { class: "legend" },
            this.d.series.map((s) =>
              h("li", null, [
                h("i", { class: `dot fill-${s.tone}`, "aria-hidden": "true" }),
                `${s.label} `,
                h("b", null, s.sum),
              ]),
            ),
          )
        : null;
    },
    ready() {
      const d = this.d;
      return [
        h("div", { class: "headline" }, [
          d.opens
            ? h(
                "a",
                { class: "big", href: linked(d.opens, this.whole), title: "Open the list of exactly these" },
                d.value,
              )
            : h("span", { class: "big" }, d.value),
          h("span", { class: "mut" }, d.note),
          change(d.change),
        ]),
        d.facts.length
          ? h(
              "dl",
              { class: "beside" },
              d.facts.map(([words, value]) => h("div", null, [h("dt", null, words), h("dd", null, value)])),
            )
          : null,
        d.table ? this.table() : this.chart(),
        d.table ? null : this.legend(),
      ];
    },
    picture() {
      const d = this.d,
        big = (sign, title, sentence, more) =>
          h("div", { class: ["picture", `p-${d.state}`], role: d.state === "error" ? "alert" : null }, [
            sign,
            h("h3", null, title),
            h("p", null, sentence),
            more,
          ]);
      return {
        loading: () => [
          h("div", { class: "bones chart-bones", role: "status", "aria-label": "Loading" }, [
            h("i", { class: "big" }),
            h("i"),
            h("i"),
          ]),
        ],
        nothing: () => [big(icon("stats"), ...d.nothing)],
        forbidden: () => [
          big(
            icon("staff"),
            "Not for your role",
            `Your role does not include “${d.needs}”. Ask an administrator if you need it.`,
          ),
        ],
        error: () => [
          big(
            h("b", { class: "sign", "aria-hidden": "true" }, "!"),
            d.error.title,
            d.error.sentence,
            h("div", { class: "row" }, [
              d.error.again
                ? h("button", { type: "button", class: "btn small", onClick: () => this.$emit("again") }, "Try again")
                : null,
              d.error.reference
                ? h("span", { class: "mut" }, ["Reference ", h("code", null, d.error.reference)])
                : null,
            ]),
          ),
        ],
        ready: () => this.ready(),
      }[d.state]();
    },
    sides() {
      const d = this.d,
        one = (words, table) =>
          h(
            "button",
            {
              type: "button",
              class: d.table === table && "on",
              "aria-pressed": String(d.table === table),
              onClick: () => this.show(table),
            },
            words,
          );
      return h("div", { class: "seg", role: "group", "aria-label": `${d.title}: shown as` }, [
        one("Chart", false),
        one("Table", true),
      ]);
    },
    choices() {
      return this.d.choices?.length > 1
        ? h(
            "div",
            { class: "seg", role: "group", "aria-label": "Currency" },
            this.d.choices.map(([words, value, on]) =>
              h(
                "button",
                {
                  type: "button",
                  class: on && "on",
                  "aria-pressed": String(on),
                  onClick: () => go(address(this.d.choice, [value])),
                },
                words,
              ),
            ),
          )
        : null;
    },
  },
  render() {
    const d = this.d,
      ready = d.state === "ready";
    return h(
      "section",
      { class: ["panel", "number", d.busy && "busy"], "aria-label": d.title, "aria-busy": String(Boolean(d.busy)) },
      [
        h("div", { class: "number-head" }, [
          h("h2", null, d.title),
          h("div", { class: "row end" }, [ready ? this.choices() : null, ready ? this.sides() : null]),
        ]),
        ...this.picture(),
        d.mark
          ? h("p", { class: "is-warn mark", role: "status" }, [
              d.mark,
              " ",
              h("button", { type: "button", class: "btn small", onClick: () => this.$emit("again") }, "Try again"),
            ])
          : null,
        h("div", { class: "number-foot" }, [
          h("details", null, [h("summary", null, "About this number"), h("p", null, d.about)]),
          ready ? h("span", { class: "mut range" }, [d.range, h("br"), d.as_of]) : null,
          ready && d.table
            ? h(
                "button",
                { type: "button", class: "btn small", onClick: this.copy },
                this.copied ? "Copied" : "Copy table",
              )
            : null,
        ]),
      ],
    );
  },
};
