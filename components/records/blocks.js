// The quiet pieces of a screen, each a function of its contents.
import { h } from "vue";
import { cell, duration, icon, idCell, Menu, number, outside, pill, bar, when } from "quarterdeck";

const section = (title, note) =>
  title ? h("div", { class: "sec" }, [h("h2", null, title), note ? h("span", null, note) : null]) : null;
const actionButton = (d, emit, a, i, kind) =>
  a.opens
    ? h("a", { class: kind, href: a.opens, ...outside(a.opens) }, a.label)
    : h("button", { type: "button", class: kind, onClick: () => emit("act", i) }, a.label);

/** A small line of how a number went. */
function spark(values) {
  if (values.length < 2) return null;
  const top = Math.max(...values, 1),
    points = values.map(
      (v, i) => `${((i / (values.length - 1)) * 100).toFixed(1)} ${(19 - (v / top) * 18).toFixed(1)}`,
    );
  return h(
    "svg",
    { class: "spark", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    [h("path", { d: `M${points.join("L")}` })],
  );
}

const KINDS = {
  head(d, emit) {
    const plain = d.actions.map((a, i) => [a, i]).filter(([a]) => !a.danger),
      danger = d.actions.map((a, i) => [a, i]).filter(([a]) => a.danger);
    return h("div", { class: "head" }, [
      h("h1", { tabindex: -1 }, d.title),
      d.status ? pill(d.status) : null,
      d.id ? idCell(d.id) : null,
      d.sub ? h("p", { class: "sub" }, d.sub) : null,
      h("div", { class: "acts" }, [
        ...plain.map(([a, i]) => actionButton(d, emit, a, i, ["btn", a.main && "go"])),
        danger.length
          ? h(
              Menu,
              { kind: "btn square", hint: "More actions", class: "end" },
              {
                button: () => icon("more"),
                default: ({ close }) =>
                  danger.map(([a, i]) =>
                    h(
                      "button",
                      {
                        type: "button",
                        class: "item danger",
                        onClick: () => {
                          close();
                          emit("act", i);
                        },
                      },
                      a.label,
                    ),
                  ),
              },
            )
          : null,
      ]),
    ]);
  },
  facts: (d, emit) =>
    h("div", { class: "panel" }, [
      section(d.title),
      h(
        "dl",
        { class: "facts" },
        d.facts.map(([label, kind, value, opens, reveal, hint], i) =>
          h("div", null, [
            h("dt", { title: hint }, label),
            h("dd", { class: reveal && "masked" }, [
              cell(kind, value, { link: opens || null, head: label }),
              reveal
                ? h(
                    "button",
                    {
                      type: "button",
                      class: "btn tiny",
                      "aria-label": `Reveal: ${label}`,
                      onClick: () => emit("act", i),
                    },
                    "Reveal",
                  )
                : null,
            ]),
          ]),
        ),
      ),
    ]),
  tiles: (d) =>
    h(
      "div",
      { class: "tiles" },
      d.tiles.map((t) =>
        h(t.opens ? "a" : "div", { class: "tile", href: t.opens || null }, [
          spark(t.spark),
          h("div", { class: "k" }, t.label),
          h("div", { class: ["v", t.tone && `is-${t.tone}`] }, number(t.value)),
          t.change
            ? h("div", { class: "d" }, [
                h("b", { class: t.change.tone && `is-${t.change.tone}` }, t.change.words),
                ` ${t.change.against}`,
              ])
            : null,
          t.note ? h("div", { class: "d" }, t.note) : null,
        ]),
      ),
    ),
  work: (d) =>
    h("section", { class: "panel", "aria-label": d.title }, [
      section(d.title),
      d.rows.length
        ? h(
            "ul",
            { class: "works" },
            d.rows.map((r) =>
              h("li", { class: "work" }, [
                h("div", { class: ["n", r.tone && `is-${r.tone}`] }, number(r.number)),
                h("div", null, [h("div", { class: "t" }, r.title), h("div", { class: "s" }, r.sentence)]),
                h("a", { class: "go-to", href: r.opens, "aria-label": `Open: ${r.title}` }, "Open"),
              ]),
            ),
          )
        : h("p", { class: "nothing" }, d.nothing),
    ]),
  steps: (d) =>
    h("section", { class: "panel", "aria-label": d.title }, [
      section(d.title),
      h(
        "ol",
        { class: "steps" },
        d.steps.map((s, i) =>
          h("li", { class: s.done && "done" }, [
            h("span", { class: "nth", "aria-hidden": "true" }, s.done ? "✓" : i + 1),
            h("div", null, [
              h("div", { class: "t" }, [s.title, s.done ? h("span", { class: "unseen" }, " (done)") : null]),
              h("div", { class: "s" }, s.sentence),
            ]),
            s.opens && !s.done ? h("a", { class: "btn", href: s.opens }, s.link) : null,
          ]),
        ),
      ),
    ]),
  timeline: (d) =>
    h("section", { class: "panel", "aria-label": d.title || "Time line" }, [
      section(d.title, d.note),
      d.entries.length
        ? h(
            "ol",
            { class: "tl" },
            d.entries.map((e) =>
              h("li", { class: "ev" }, [
                when(e.at),
                h("i", { class: e.tone && `is-${e.tone}`, "aria-hidden": "true" }),
                h("div", null, [
                  h("p", null, [
                    ...e.parts.map(([words, to]) =>
                      to === null ? words : to ? h("a", { class: "l", href: to }, words) : h("b", null, words),
                    ),
                    e.opens ? h("a", { class: "more", href: e.opens }, "Details") : null,
                  ]),
                  e.reason ? h("p", { class: "why" }, e.reason) : null,
                  e.changes.length
                    ? h(
                        "ul",
                        { class: "diff" },
                        e.changes.map(([name, before, after]) =>
                          h("li", null, [
                            `${name} `,
                            before === null
                              ? null
                              : h("del", null, [h("span", { class: "unseen" }, "before "), shown(before)]),
                            " ",
                            after === null
                              ? null
                              : h("ins", null, [h("span", { class: "unseen" }, "after "), shown(after)]),
                          ]),
                        ),
                      )
                    : null,
                ]),
              ]),
            ),
          )
        : h("p", { class: "nothing" }, d.nothing),
    ]),
  note: (d, emit) =>
    h("div", { class: d.small ? "panel callout" : "panel state" }, [
      h("h2", null, d.title),
      d.sentence ? h("p", null, d.sentence) : null,
      d.link
        ? h("div", { class: "row" }, [
            d.opens
              ? h("a", { class: "btn", href: d.opens }, d.link)
              : h("button", { type: "button", class: "btn", onClick: () => emit("act") }, d.link),
          ])
        : null,
    ]),
  folded: (d) =>
    h("details", { class: "panel folded" }, [
      h("summary", null, d.title),
      h("pre", { tabindex: 0, "aria-label": d.title }, d.text),
    ]),
  error: (d, emit) =>
    h("div", { class: "panel state", role: "alert" }, [
      h("h2", null, d.title),
      h("p", null, d.sentence),
      h("div", { class: "row" }, [
        d.again ? h("button", { type: "button", class: "btn", onClick: () => emit("act") }, "Try again") : null,
        d.reference ? h("span", { class: "mut" }, ["Reference ", h("code", null, d.reference)]) : null,
        d.again ? null : h("a", { class: "btn", href: "/" }, "Go to Home"),
      ]),
    ]),
  skeleton: () =>
    h("div", { class: "bones page-bones", role: "status", "aria-label": "Loading" }, [
      h("i", { class: "big" }),
      ...Array.from({ length: 6 }, (_, i) => h("i", { key: i })),
    ]),
  progress(d) {
    const tone = { running: "info", done: "ok", failed: "bad", warned: "warn", waiting: "idle" }[d.state] ?? "info";
    const numbers = [
      d.total === null
        ? d.done
          ? `${number(d.done)} ${d.unit}`
          : null
        : `${number(d.done)} of ${number(d.total)} ${d.unit}`,
      d.rate ? `${number(Math.round(d.rate))} ${d.unit} per second` : null,
      d.left && d.state === "running" ? `about ${duration(d.left)} left` : null,
    ].filter(Boolean);
    return h("section", { class: ["panel", "progress", `tone-${tone}`], "aria-label": d.label }, [
      h("p", { class: "words", role: "status", "aria-live": "polite" }, d.words),
      d.fraction !== null || d.total
        ? bar(d.fraction ?? d.done / d.total, d.label)
        : d.state === "running"
          ? h("div", { class: "prog" }, h("i", { class: "unknown", role: "progressbar", "aria-label": d.label }))
          : null,
      numbers.length ? h("p", { class: "mut" }, numbers.join(" · ")) : null,
      d.facts.length
        ? h(
            "dl",
            { class: "facts" },
            d.facts.map(([k, v]) => h("div", null, [h("dt", null, k), h("dd", null, v)])),
          )
        : null,
    ]);
  },
};
const shown = (value) => (value === "" ? "empty" : value === true ? "yes" : value === false ? "no" : number(value));

export default {
  props: { data: String },
  emits: ["act"],
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
  },
  mounted() {
    this.minutes = setInterval(() => {
      if (!document.hidden) this.$forceUpdate();
    }, 30000);
  },
  beforeUnmount() {
    clearInterval(this.minutes);
  },
  render() {
    if (this.d.kind === "panel")
      return h("section", { class: "panel", "aria-label": this.d.title || null }, [
        section(this.d.title, this.d.note),
        this.$slots.default?.(),
      ]);
    return KINDS[this.d.kind](this.d, this.$emit);
  },
};
