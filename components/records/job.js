// The pieces of one job's page: where it stands, its attempts, what it was given. Moments are counted on by the
// browser.
import { h } from "vue";
import { bar, duration, pill, when } from "quarterdeck";

/** How long it is from one moment to a later one, in words. */
const between = (from, to) => duration(Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000));

const HIDDEN = "••••",
  FEW = 100,
  LONG = 400;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }),
  DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const section = (title, ...rest) => h("div", { class: "sec" }, [h("h2", null, title), ...rest]);
const whole = (s) => (s < 1 ? "a moment" : duration(s < 60 ? Math.floor(s) : s).replace(".0 s", " s"));
const isNested = (value) => value !== null && typeof value === "object";
const size = (value) => {
  const n = Array.isArray(value) ? value.length : Object.keys(value).length,
    noun = Array.isArray(value) ? "item" : "field";
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
};

export default {
  props: { data: String },
  data: () => ({ open: {}, copied: false, skew: 0 }),
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
    moves() {
      return (
        [...(this.d.words ?? []), ...(this.d.numbers ?? [])].some((w) => Array.isArray(w) && w[0] !== "at") ||
        this.d.kind === "attempts"
      );
    },
  },
  watch: {
    data: {
      immediate: true,
      handler() {
        this.skew = Date.parse(JSON.parse(this.data).now) - Date.now();
      },
    },
  },
  mounted() {
    this.clock = setInterval(() => {
      if (this.moves && !document.hidden) this.$forceUpdate();
    }, 1000);
  },
  beforeUnmount() {
    clearInterval(this.clock);
  },
  methods: {
    now() {
      return Date.now() + this.skew;
    },
    word(w) {
      if (!Array.isArray(w)) return w;
      const [kind, iso] = w,
        at = Date.parse(iso),
        seconds = Math.max(0, (kind === "since" ? this.now() - at : at - this.now()) / 1000);
      const words = kind === "at" ? (this.now() - at < 64800000 ? CLOCK : DAY).format(at) : whole(seconds);
      return h("time", { datetime: iso, title: new Date(at).toLocaleString("en-GB") }, words);
    },
    standing() {
      const d = this.d;
      return h("section", { class: ["panel", "standing", `tone-${d.tone}`], "aria-label": "Where it stands" }, [
        h("p", { class: "words" }, d.words.map(this.word)),
        d.why ? h("p", { class: "mut" }, d.why) : null,
        d.fraction === null
          ? null
          : d.fraction < 0
            ? h("div", { class: "prog" }, h("i", { class: "unknown", role: "progressbar", "aria-label": "Progress" }))
            : bar(d.fraction, "Progress"),
        d.numbers.length ? h("p", { class: "mut" }, d.numbers.map(this.word)) : null,
        d.inside
          ? h("details", null, [
              h("summary", null, "Where in the program"),
              h("pre", { tabindex: 0, "aria-label": "Where in the program" }, d.inside),
            ])
          : null,
        d.stages.length
          ? h(
              "ol",
              { class: "stages", "aria-label": "Stopping" },
              d.stages.map(([words, at, why], i) =>
                h("li", { class: at ? "past" : "", key: words }, [
                  h("span", { class: "dot", "aria-hidden": "true" }, at ? "✓" : ""),
                  h("div", null, [
                    h("div", { class: "t" }, [words, at ? null : h("span", { class: "unseen" }, " (not yet)")]),
                    at
                      ? h("div", { class: "s" }, [
                          i && d.stages[i - 1][1]
                            ? h(
                                "time",
                                { datetime: at, title: new Date(at).toLocaleString("en-GB") },
                                `${between(d.stages[i - 1][1], at)} later`,
                              )
                            : when(at),
                        ])
                      : null,
                    why ? h("div", { class: "s" }, why) : null,
                  ]),
                ]),
              ),
            )
          : null,
      ]);
    },
    attempts() {
      const d = this.d,
        heads = [
          "Attempt",
          "Worker",
          "Started",
          "Ran for",
          "How it ended",
          "What it said",
          ...(d.costs ? ["Cost"] : []),
        ];
      return h("section", { class: "panel attempts", "aria-label": "Attempts" }, [
        section("Attempts", d.note ? h("span", null, d.note) : null),
        d.rows.length
          ? h(
              "div",
              { class: "scroll", tabindex: 0, role: "group", "aria-label": "Attempts" },
              h("table", null, [
                h(
                  "thead",
                  null,
                  h(
                    "tr",
                    null,
                    heads.map((head) =>
                      h("th", { scope: "col", class: ["Ran for", "Cost"].includes(head) && "num" }, head),
                    ),
                  ),
                ),
                h(
                  "tbody",
                  null,
                  d.rows.map(([number, worker, started, seconds, ended, said, inside, cost, opens], n) =>
                    h("tr", { key: n }, [
                      h("th", { scope: "row" }, number),
                      h(
                        "td",
                        { "data-head": "Worker" },
                        opens && worker
                          ? h("a", { class: "l", href: opens }, worker)
                          : worker || h("span", { class: "none" }, "–"),
                      ),
                      h("td", { "data-head": "Started" }, [when(started)]),
                      h(
                        "td",
                        { class: "num", "data-head": "Ran for" },
                        seconds === null
                          ? whole(Math.max(0, (this.now() - Date.parse(started)) / 1000))
                          : duration(seconds),
                      ),
                      h("td", null, [pill(ended)]),
                      h("td", { class: "said" }, [
                        said ? h("span", null, said) : null,
                        inside
                          ? h("details", null, [
                              h("summary", null, "Where in the program"),
                              h("pre", { tabindex: 0, "aria-label": "Where in the program" }, inside),
                            ])
                          : null,
                      ]),
                      d.costs ? h("td", { class: "num", "data-head": "Cost" }, cost || "–") : null,
                    ]),
                  ),
                ),
              ]),
            )
          : h("p", { class: "nothing" }, d.nothing),
      ]);
    },
    contents() {
      const d = this.d;
      return h("section", { class: "panel contents", "aria-label": d.title }, [
        section(
          d.title,
          d.note ? h("span", null, d.note) : null,
          h("div", { class: "acts" }, [
            d.download || !d.value
              ? null
              : h("button", { type: "button", class: "btn tiny", onClick: () => this.copy() }, [
                  h("span", { role: "status" }, this.copied ? "Copied" : "Copy as JSON"),
                ]),
            d.download ? h("a", { class: "btn tiny", href: d.download[0], download: d.download[1] }, "Download") : null,
          ]),
        ),
        isNested(d.value) && Object.keys(d.value).length
          ? this.fields(d.value, "")
          : h("p", { class: "nothing" }, "Nothing."),
      ]);
    },
    fields(value, path) {
      const keys = Object.keys(value);
      return h("dl", { class: "tree" }, [
        ...keys
          .slice(0, FEW)
          .map((key) =>
            h("div", { key }, [
              h("dt", null, Array.isArray(value) ? String(Number(key) + 1) : key),
              h("dd", null, [this.value(value[key], `${path}/${key}`)]),
            ]),
          ),
        keys.length > FEW
          ? h("div", { key: "\u0000" }, [
              h("dt", null, "…"),
              h(
                "dd",
                { class: "mut" },
                `and ${(keys.length - FEW).toLocaleString("en")} more: copy it to see them all`,
              ),
            ])
          : null,
      ]);
    },
    value(value, path) {
      if (value === null || value === "") return h("span", { class: "none" }, value === null ? "–" : "empty");
      if (value === HIDDEN)
        return h("span", { class: "mut", title: "Hidden: a secret, or personal data that you may not read" }, HIDDEN);
      if (isNested(value))
        return Object.keys(value).length
          ? this.fold(size(value), path, () => this.fields(value, path))
          : h("span", { class: "none" }, "nothing");
      const text =
        typeof value === "boolean"
          ? value
            ? "yes"
            : "no"
          : typeof value === "number"
            ? value.toLocaleString("en", { maximumFractionDigits: 12 })
            : value;
      return text.length > LONG
        ? this.fold(`${text.slice(0, 120)}… (${text.length.toLocaleString("en")} characters)`, path, () =>
            h("pre", { tabindex: 0, "aria-label": "All of it" }, text),
          )
        : h("span", { class: "plain-text" }, text);
    },
    /** Drawn only while it is open: a large tree costs nothing until somebody looks. */
    fold(title, path, draw) {
      return h(
        "details",
        {
          open: Boolean(this.open[path]),
          onToggle: (event) => {
            event.stopPropagation();
            this.open[path] = event.target.open;
          },
        },
        [h("summary", null, title), this.open[path] ? draw() : null],
      );
    },
    copy() {
      navigator.clipboard?.writeText(JSON.stringify(this.d.value, null, 2)).then(() => {
        this.copied = true;
        setTimeout(() => {
          this.copied = false;
        }, 1500);
      });
    },
  },
  render() {
    return this[this.d.kind]();
  },
};
