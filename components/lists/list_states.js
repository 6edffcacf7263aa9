// What stands above and instead of the rows of a list.
import { h } from "vue";

/** The values of one filter with their numbers: one click shows those alone, with Ctrl those too. */
export function tallies(list) {
  const d = list.d,
    name = d.tallied?.name;
  if (!name) return null;
  const now = d.query[name] ?? [],
    known = d.tallies,
    number = (n) => (n === undefined ? null : h("b", null, n.toLocaleString("en")));
  const all = known && Object.values(known).reduce((a, b) => a + b, 0);
  const one = (value, [word, tone]) =>
    h(
      "button",
      {
        type: "button",
        class: ["tally", known?.[value] && tone, now.includes(value) && "on"],
        "aria-pressed": String(now.includes(value)),
        onClick: (event) =>
          list.ask({
            [name]:
              event.ctrlKey || event.metaKey
                ? now.includes(value)
                  ? now.filter((v) => v !== value)
                  : [...now, value]
                : now.length === 1 && now[0] === value
                  ? []
                  : [value],
          }),
      },
      [word, known ? number(known[value] ?? 0) : null],
    );
  return h("div", { class: "tallies", role: "group", "aria-label": `${d.label} by state` }, [
    h(
      "button",
      {
        type: "button",
        class: ["tally", !now.length && "on"],
        "aria-pressed": String(!now.length),
        onClick: () => list.ask({ [name]: [] }),
      },
      ["All", known ? number(all) : null],
    ),
    ...Object.entries(d.tallied.shows).map(([value, shown]) => one(value, shown)),
  ]);
}

/** What stands where there is no row: what went wrong, or why nothing is there and the way on. */
export function instead(list) {
  const d = list.d,
    filtered = d.filters.some((f) => d.query[f.name]) || d.query.q;
  const clear = h("button", { type: "button", class: "btn", onClick: list.clear }, "Clear filters");
  const box = (title, sentence, buttons, role) =>
    h("div", { class: "state", role }, [
      h("h2", null, title),
      sentence ? h("p", null, sentence) : null,
      h("div", { class: "row" }, buttons),
    ]);
  if (d.error) {
    const e = d.error;
    return box(
      e.title,
      e.sentence,
      [
        e.again ? h("button", { type: "button", class: "btn", onClick: list.again }, "Try again") : null,
        (e.slow || e.status === 422) && filtered ? clear : null,
        e.reference ? h("span", { class: "mut" }, ["Reference ", h("code", null, e.reference)]) : null,
      ],
      "alert",
    );
  }
  const plain =
    d.empty.by_default &&
    !d.query.q &&
    d.filters.every((f) => (d.query[f.name]?.join() ?? "") === (d.defaults[f.name] ?? ""));
  if (filtered && plain)
    return box(d.empty.by_default, d.empty.sentence, [
      h("button", { type: "button", class: "btn", onClick: list.clear }, "Show all"),
    ]);
  if (filtered)
    return box(
      "Nothing matches these filters",
      d.query.q ? "Take one of them away, or search for other words." : "Take one of them away to see more.",
      [clear],
    );
  if (d.query.page)
    return box("This page of the list is empty", "", [
      h("button", { type: "button", class: "btn", onClick: () => list.ask({ page: [] }) }, "Go to the first page"),
    ]);
  return box(d.empty.title, d.empty.sentence, [
    d.empty.opens ? h("a", { class: "btn", href: d.empty.opens }, d.empty.link) : null,
  ]);
}
