// The list. Python decides what is in it; here it is drawn, focused, sorted and filtered by changing the address.
import { h } from "vue";
import { cell, go, icon, Menu } from "quarterdeck";
import { chips, adder, Typed } from "quarterdeck/filters.js";
import { save } from "quarterdeck/downloads.js";
import { instead, tallies } from "list_states";
import { bar, boxOf, columns, headBox, selection } from "quarterdeck/selection.js";

export default {
  mixins: [selection],
  props: { data: String },
  data: () => ({ busy: 0, waited: 0, pointed: null, saving: 0, saved: 0 }),
  computed: {
    d() {
      return Vue.markRaw(JSON.parse(this.data));
    },
    main() {
      const linked = this.d.columns.map((c, i) => [c.kind, i]).filter(([, i]) => this.d.rows?.some((r) => r[2][i]));
      return (linked.find(([kind]) => kind !== "id") ?? linked[0] ?? [null, -1])[1];
    },
  },
  watch: {
    "d.stamp"() {
      this.busy = 0;
    },
  },
  methods: {
    /** Open this list with some parameters changed: {name: [values]}; without values it is taken out. */
    ask(changes, keepPage = false) {
      const params = new URLSearchParams(location.search);
      const name = (n) => (this.d.key ? `${this.d.key}.${n}` : n);
      if (!keepPage) params.delete(name("page"));
      const own = ["q", ...this.d.filters.map((f) => f.name)],
        plain = !own.some((n) => params.has(name(n)));
      if (plain) for (const [n, value] of Object.entries(this.d.defaults)) params.set(name(n), value);
      for (const [n, values] of Object.entries(changes)) {
        params.delete(name(n));
        values.forEach((value) => params.append(name(n), value));
        if (!values.length && n in this.d.defaults) params.set(name(n), "any");
      }
      if (!("page" in changes) && !("sort" in changes)) this.untick();
      const search = params.toString();
      const address = location.pathname + (search ? `?${search}` : "");
      if (address === location.pathname + location.search) return;
      this.wait();
      go(address);
      if ("page" in changes) window.scrollTo({ top: 0, behavior: "smooth" });
    },
    clear() {
      this.ask(Object.fromEntries(["q", ...this.d.filters.map((f) => f.name)].map((n) => [n, []])));
    },
    wait() {
      this.busy = Date.now();
    },
    again() {
      this.wait();
      this.$emit("again");
    },
    sortBy(column) {
      const now = this.d.query.sort?.[0] ?? this.d.sort,
        by = column.sort;
      this.ask({ sort: [now === `-${by}` ? by : `-${by}`] });
    },
    ariaSort(column) {
      const now = this.d.query.sort?.[0] ?? this.d.sort ?? "";
      return now.replace(/^-/, "") !== column.sort ? "none" : now[0] === "-" ? "descending" : "ascending";
    },
    key(event) {
      if (
        event.target.closest("input,select,textarea,.pop,[role=dialog]") ||
        event.metaKey ||
        event.ctrlKey ||
        event.altKey
      )
        return;
      const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
      const rows = [...this.$el.querySelectorAll("tbody tr[tabindex]")];
      const at = rows.indexOf(event.target.closest("tr"));
      if (step && rows.length) {
        event.preventDefault();
        const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
        this.pointed = next.dataset.id;
        next.focus();
      } else if (event.key === "x" && this.d.bulk.length && event.target.tagName === "TR")
        this.tick(event.target.dataset.id, !this.picked.has(event.target.dataset.id));
      else if (event.key === "Escape" && this.picked.size) this.untick();
      else if (event.key === "Enter" && event.target.tagName === "TR") event.target.querySelector("a.l")?.click();
    },
    hide() {
      this.$emit("hidden", document.hidden || this.menus > 0 || this.picked.size > 0);
    },
    menuToggled(open) {
      this.menus = Math.max(0, (this.menus ?? 0) + (open ? 1 : -1));
      this.hide();
    },
    popstate() {
      this.wait();
    },
    tools() {
      const d = this.d;
      if (!d.search && !d.export && !d.filters.some((f) => f.name !== d.tallied?.name)) return null;
      return h("div", { class: "bar", role: "search", "aria-label": `Filter ${d.label}` }, [
        d.search
          ? h(Typed, {
              class: "search",
              type: "search",
              "aria-label": `Search ${d.label}`,
              placeholder: d.search,
              given: d.query.q?.[0] ?? "",
              onEnter: (q) => this.ask({ q }),
            })
          : null,
        ...chips(this.shownBelow(), this.ask, this.menuToggled),
        adder({ ...d, filters: d.filters.filter((f) => f.name !== d.tallied?.name) }, this.ask, this.menuToggled),
        d.export ? this.exporter() : null,
      ]);
    },
    /** The filter whose values stand above the list needs a chip only for several of them. */
    shownBelow() {
      const d = this.d,
        above = d.tallied?.name;
      return above && (d.query[above]?.length ?? 0) < 2
        ? { ...d, filters: d.filters.filter((f) => f.name !== above) }
        : d;
    },
    /** Take the list away as CSV; Python has asked whether. Goes on when another screen is opened. */
    async save(address) {
      this.saving = Date.now();
      this.stopper = new AbortController();
      await save(address, this.stopper.signal);
      this.saving = this.saved = 0;
    },
    exporter() {
      const long = this.saved >= 1000;
      return h("span", { class: "export" }, [
        h(
          "button",
          {
            type: "button",
            class: "btn small",
            disabled: !this.d.rows?.length,
            "aria-disabled": String(!!this.saving),
            onClick: () => {
              if (!this.saving) this.$emit("export");
            },
          },
          [
            icon("export"),
            !this.saving
              ? h("span", null, "Export CSV")
              : long
                ? `Exporting for ${Math.floor(this.saved / 1000)} s …`
                : "Exporting …",
          ],
        ),
        long ? h("button", { type: "button", class: "btn small", onClick: () => this.stopper.abort() }, "Stop") : null,
      ]);
    },
    head() {
      return h(
        "thead",
        null,
        h("tr", null, [
          this.d.bulk.length ? headBox(this) : null,
          ...this.d.columns.map((c) =>
            h(
              "th",
              { scope: "col", class: { num: c.right }, title: c.hint, "aria-sort": c.sort ? this.ariaSort(c) : null },
              c.sort
                ? h("button", { type: "button", class: "sort", onClick: () => this.sortBy(c) }, [
                    c.head,
                    h(
                      "span",
                      { "aria-hidden": "true" },
                      { none: "", ascending: " ↑", descending: " ↓" }[this.ariaSort(c)],
                    ),
                  ])
                : c.head,
            ),
          ),
          this.d.actions.length ? h("th", { class: "acts" }, h("span", { class: "unseen" }, "Actions")) : null,
        ]),
      );
    },
    row([id, cells, links, acts, gone], index) {
      const d = this.d,
        now = Date.now();
      const cards = d.columns.some((c) => c.card)
        ? d.columns.map((c) => c.card)
        : d.columns.map((_, i) => (d.columns[0].kind === "id" ? i > 0 && i < 4 : i < 3));
      return h(
        "tr",
        {
          key: id,
          "data-id": id,
          tabindex: (this.pointed ? this.pointed === id : index === 0) ? 0 : -1,
          class: { gone, picked: this.picked.has(id) },
          title: gone ? "No longer in this list" : null,
        },
        [
          d.bulk.length ? boxOf(this, id, cells) : null,
          ...d.columns.map((c, i) =>
            h(
              "td",
              {
                class: [
                  c.right && "num",
                  `c-${c.kind}`,
                  c.wide && "wide",
                  !cards[i] && "spare",
                  i === this.main && "main",
                ],
                "data-head": c.head,
              },
              cell(c.kind, cells[i], { link: links[i], now, quiet: c.quiet, head: c.head }),
            ),
          ),
          d.actions.length ? h("td", { class: "acts" }, this.actions(id, acts)) : null,
        ],
      );
    },
    actions(id, acts) {
      const button = (i, kind, after) =>
        h(
          "button",
          {
            type: "button",
            class: kind ?? ["btn", "small", this.d.actions[i].danger && "danger"],
            onClick: () => {
              after?.();
              this.$emit("act", [id, i]);
            },
          },
          this.d.actions[i].label,
        );
      if (acts.length < 2) return acts.map((i) => button(i));
      return h(
        Menu,
        { kind: "btn quiet square", hint: "Actions", class: "end", onToggle: this.menuToggled },
        {
          button: () => icon("more"),
          default: ({ close }) => acts.map((i) => button(i, ["item", this.d.actions[i].danger && "danger"], close)),
        },
      );
    },
    skeleton() {
      return Array.from({ length: 10 }, (_, n) =>
        h(
          "tr",
          { key: n, class: "bones", "aria-hidden": "true" },
          columns(this.d).map((c, i) =>
            h(
              "td",
              { class: { num: c.right } },
              h("i", { style: { width: `${[72, 148, 84, 110, 96][(n + i * 2) % 5]}px` } }),
            ),
          ),
        ),
      );
    },
    foot() {
      const d = this.d,
        long = this.busy && this.waited >= 1000;
      if (d.rows && !d.rows.length && !d.next && !d.previous && !this.busy) return null;
      const page = (words, cursor) =>
        h(
          "button",
          { type: "button", class: "btn small", disabled: !cursor, onClick: () => this.ask({ page: [cursor] }) },
          words,
        );
      return h("div", { class: "foot" }, [
        h(
          "span",
          { role: "status", "aria-live": "polite" },
          long
            ? `Asking for ${Math.floor(this.waited / 1000)} s …`
            : d.rows === null
              ? ""
              : d.error
                ? ""
                : `${d.rows.length} shown · ${d.count} match · ${d.seconds} s`,
        ),
        long ? h("button", { type: "button", class: "btn small", onClick: () => this.$emit("stop") }, "Cancel") : null,
        d.rows === null || d.error
          ? null
          : h("span", { class: "pg" }, [page("Previous page", d.previous), page("Next page", d.next)]),
      ]);
    },
  },
  emits: ["again", "act", "bulk", "stop", "hidden", "export"],
  created() {
    if (this.d.rows === null) this.wait();
  },
  mounted() {
    document.addEventListener("visibilitychange", this.hide);
    window.addEventListener("popstate", this.popstate);
    this.ticker = setInterval(() => {
      this.waited = this.busy ? Date.now() - this.busy : 0;
      this.saved = this.saving ? Date.now() - this.saving : 0;
    }, 250);
    this.minutes = setInterval(() => {
      if (!document.hidden) this.$forceUpdate();
    }, 30000);
  },
  beforeUnmount() {
    document.removeEventListener("visibilitychange", this.hide);
    window.removeEventListener("popstate", this.popstate);
    clearInterval(this.ticker);
    clearInterval(this.minutes);
  },
  render() {
    const d = this.d,
      shown = d.rows === null || d.rows.length;
    return h("div", { class: "list", onKeydown: this.key }, [
      tallies(this),
      this.tools(),
      d.bulk.length ? bar(this) : null,
      d.fresh ? h("button", { type: "button", class: "pill", onClick: this.again }, `${d.fresh} new, show`) : null,
      h("span", { class: "unseen", "aria-live": "polite" }, d.fresh ? `${d.fresh} new` : ""),
      h("div", { class: ["panel", this.busy && d.rows?.length && "dim"] }, [
        shown
          ? h(
              "div",
              { class: "scroll" },
              h("table", { "aria-label": d.label, "aria-busy": String(!!this.busy) }, [
                this.head(),
                h("tbody", null, d.rows === null ? this.skeleton() : d.rows.map(this.row)),
              ]),
            )
          : instead(this),
        this.foot(),
      ]),
    ]);
  },
};
