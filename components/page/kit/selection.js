// Ticking rows of a list: some, all on the page, or all that match. What is done with them, Python hears when a button
// is pressed.
import { h } from "vue";

const MOST = 1000;

/** What a list that can be ticked has. `picked` holds ids, over as many pages as it takes; `whole`: all that match. */
export const selection = {
  data: () => ({ picked: new Set(), whole: false, lastPicked: null }),
  watch: {
    "picked.size"() {
      this.hide();
    },
  },
  methods: {
    ids() {
      return (this.d.rows ?? []).filter((r) => !r[4]).map((r) => r[0]);
    },
    tick(id, on, range = false) {
      const ids = this.ids(),
        from = ids.indexOf(this.lastPicked),
        to = ids.indexOf(id);
      const chosen = range && from >= 0 && to >= 0 ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
      for (const one of chosen) {
        if (!on) this.picked.delete(one);
        else if (this.picked.size < MOST) this.picked.add(one);
      }
      this.whole = false;
      this.lastPicked = id;
    },
    tickPage(on) {
      for (const id of this.ids()) {
        if (on) this.picked.add(id);
        else this.picked.delete(id);
      }
      this.whole = false;
    },
    untick() {
      this.picked.clear();
      this.whole = false;
    },
    doWith(index) {
      this.$emit("bulk", [index, this.whole ? null : [...this.picked]]);
    },
  },
};

/** The columns with that of the boxes before them, for rows that are not there yet. */
export const columns = (d) => (d.bulk.length ? [{ kind: "box" }, ...d.columns] : d.columns);

export function headBox(list) {
  const ids = list.ids(),
    n = ids.filter((id) => list.picked.has(id)).length;
  return h(
    "th",
    { class: "box", scope: "col" },
    h("input", {
      type: "checkbox",
      "aria-label": "Select all on this page",
      checked: n > 0 && n === ids.length,
      indeterminate: n > 0 && n < ids.length,
      disabled: !ids.length,
      onChange: (event) => list.tickPage(event.target.checked),
    }),
  );
}

/** The box of a row. Its row is on the way of the Tab key; there the key x ticks it. */
export function boxOf(list, id, cells) {
  const told = list.d.columns.findIndex((c) => c.kind === "text"),
    name = Array.isArray(cells[told]) ? "" : (cells[told] ?? "");
  return h(
    "td",
    { class: "box" },
    h(
      "label",
      null,
      h("input", {
        type: "checkbox",
        tabindex: -1,
        "aria-label": `Select ${name} ${id.slice(-8)}`,
        checked: list.picked.has(id),
        onClick: (event) => list.tick(id, event.target.checked, event.shiftKey),
      }),
    ),
  );
}

/** How many are ticked and what can be done with them; always there for those who listen, in sight when any is. */
export function bar(list) {
  const d = list.d,
    n = list.picked.size,
    shown = n.toLocaleString("en");
  const said = list.whole ? `All ${d.count} that match` : `${shown} selected`;
  const more = !list.whole && d.rows?.length && (d.next || d.previous) && d.count !== shown;
  return h("div", { class: ["picks", !n && "unseen"], role: "group", "aria-label": "Selection" }, [
    h("span", { role: "status", "aria-live": "polite" }, n ? said : ""),
    ...(n
      ? [
          more
            ? h(
                "button",
                {
                  type: "button",
                  class: "link",
                  onClick: () => {
                    list.whole = true;
                  },
                },
                `Select all ${d.count} that match`,
              )
            : null,
          ...d.bulk.map((action, i) =>
            h(
              "button",
              { type: "button", class: ["btn", "small", action.danger && "danger"], onClick: () => list.doWith(i) },
              `${action.label} ${list.whole ? d.count : shown}`,
            ),
          ),
          h("button", { type: "button", class: "btn small quiet", onClick: () => list.untick() }, "Clear selection"),
        ]
      : []),
  ]);
}
