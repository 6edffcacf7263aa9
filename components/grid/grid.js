// The grid of a dataset: AG Grid's infinite rows over our own source, window and edits.

import * as AgGrid from "nicegui-aggrid";
import { h, markRaw } from "vue";
import { columnsFor } from "grid_cells";
import { TypedEditor } from "grid_editors";
import { Edits } from "grid_edits";
import { BLOCK, RowSource, viewQuery } from "grid_source";
import { foot, STATES, unsaved } from "grid_states";
import { theme } from "grid_theme";
import { Rail, RowWindow } from "grid_window";
import { keep, kept } from "quarterdeck/places.js";

AgGrid.ModuleRegistry.registerModules([AgGrid.AllCommunityModule]);
const number = (value) => value.toLocaleString("en");

export default {
  props: {
    label: String,
    rowsUrl: String,
    fields: String,
    statuses: String,
    total: Number,
    editable: Boolean,
    rowLink: String,
    view: String,
  },
  emits: ["edit"],
  data: () => ({
    state: "loading",
    message: "",
    waited: 0,
    drawn: false,
    all: 0,
    kind: "exact",
    took: 0,
    scan: false,
    top: 0,
    wanted: "",
    unsaved: [],
    broken: "",
    said: "",
  }),
  computed: {
    about() {
      return markRaw(JSON.parse(this.view));
    },
    columns() {
      return markRaw(JSON.parse(this.fields));
    },
    place() {
      if (!this.drawn || !this.all) return "";
      const of = this.kind === "at_least" ? `the first ${number(this.all)} of more` : number(this.all);
      const read = this.scan ? " · read every row" : "";
      return `Row ${number(Math.min(this.top + 1, this.all))} of ${of} · ${this.took.toFixed(3)} s${read}`;
    },
  },
  watch: {
    view(now, before) {
      if (viewQuery(JSON.parse(now).query).toString() !== viewQuery(JSON.parse(before).query).toString()) this.open();
    },
  },
  created() {
    this.editorClass = TypedEditor;
    this.rowsId = `qd-rows-${this.$.uid}`;
    this.edits = markRaw(
      new Edits(
        this.rowsUrl,
        (row, field) => this.redraw(row, field),
        (edit) => this.$emit("edit", edit),
      ),
    );
    this.unsaved = this.edits.unsaved();
  },
  mounted() {
    this.all = this.total;
    this.api = markRaw(AgGrid.createGrid(this.$refs.table, this.options()));
    this.window = markRaw(new RowWindow(this.api, this.$refs.table, () => this.datasource()));
    this.name();
    this.open();
  },
  beforeUnmount() {
    // The screen is drawn anew while somebody types: keep it, and let the next grid offer it. (Events would come too
    // late.)
    const [editor] = this.api.getCellEditorInstances(),
      [cell] = this.api.getEditingCells();
    this.leaving = true;
    if (editor && cell)
      this.commit({
        data: this.api.getDisplayedRowAtIndex(cell.rowIndex)?.data,
        colDef: cell.column.getColDef(),
        newValue: editor.getValue(),
      });
  },
  unmounted() {
    clearInterval(this.clock);
    this.source?.stop();
    this.opening?.stop();
    this.edits.stop();
    this.api.destroy();
  },
  methods: {
    options() {
      return {
        theme,
        columnDefs: columnsFor(this, this.columns, JSON.parse(this.statuses)),
        rowModelType: "infinite",
        cacheBlockSize: BLOCK,
        maxBlocksInCache: 30,
        maxConcurrentDatasourceRequests: 3,
        blockLoadDebounceMillis: 40,
        infiniteInitialRowCount: 1,
        getRowId: ({ data }) => data.id,
        suppressFieldDotNotation: true,
        readOnlyEdit: true,
        stopEditingWhenCellsLoseFocus: true,
        enableCellEditingOnBackspace: true,
        suppressMultiSort: true,
        suppressNoRowsOverlay: true,
        loading: false,
        animateRows: false,
        suppressDragLeaveHidesColumns: true,
        tooltipShowDelay: 400,
        defaultColDef: {
          sortingOrder: ["asc", "desc", null],
          suppressKeyboardEvent: (event) => this.holdsKey(event),
          suppressHeaderMenuButton: true,
        },
        onCellEditRequest: (event) => this.commit(event),
        onSortChanged: (event) => event.source === "uiColumnSorted" && this.sortBy(),
        onCellKeyDown: ({ event, column }) =>
          event.key === "Enter" && column.getColId() === "#" && event.target.querySelector("a")?.click(),
        onBodyScroll: () => this.scrolled(),
        onBodyScrollEnd: () => this.drawn && this.window.follow(this.all),
      };
    },
    name() {
      const grid = this.$refs.table.querySelector('[role="grid"],[role="treegrid"]');
      grid?.setAttribute("aria-label", this.label);
      if (!grid) requestAnimationFrame(() => this.$refs.table && this.name());
    },
    // ---- loading a view; an older answer never wins because its source has been stopped
    async open() {
      this.opening?.stop();
      const source = (this.opening = markRaw(new RowSource(this.rowsUrl, this.about.query)));
      this.wait();
      try {
        await source.block(0);
        if (source === this.opening) this.use(source);
      } catch (refusal) {
        if (source === this.opening) this.refuse(refusal);
      }
    },
    wait() {
      clearInterval(this.clock);
      this.state = "loading";
      this.waited = 0;
      this.broken = "";
      this.clock = setInterval(() => (this.waited += 1), 1000);
    },
    use(source) {
      clearInterval(this.clock);
      if (this.source !== source) this.source?.stop();
      this.source = source;
      this.told();
      this.window.start(this.all);
      this.showOrder();
      this.drawn = true;
      this.top = 0;
      this.comeBack(kept("grid") ?? {});
      this.said = `${number(this.all)}${this.kind === "at_least" ? " or more" : ""} rows`;
      this.state = this.all ? "" : this.about.words.length ? "nomatch" : "empty";
    },
    told() {
      const { total, kind, took, scan } = this.source.about;
      if (this.drawn && total !== this.all) this.window.resize(total);
      Object.assign(this, { all: total, kind, took, scan });
    },
    refuse(refusal) {
      clearInterval(this.clock);
      this.state = { TIMEOUT: "slow", STOPPED: "stopped" }[refusal.code] || "error";
      this.message = refusal.message;
    },
    cancel() {
      this.opening.stop();
    },
    datasource() {
      const {
        source,
        window: { base },
      } = this;
      return {
        getRows: async ({ startRow, endRow, successCallback, failCallback }) => {
          try {
            const rows = await source.rows(base + startRow, base + endRow);
            // AG Grid counts open questions: a stale one must be answered too, or it would ask nothing any more.
            if (source !== this.source || base !== this.window.base) return failCallback();
            this.told();
            return successCallback(rows, this.window.count);
          } catch (refusal) {
            if (source === this.source && refusal.code !== "STOPPED") this.broken = refusal.message;
            return failCallback();
          }
        },
      };
    },
    reload() {
      if (this.state || !this.source) return this.open();
      this.broken = "";
      this.source.forget();
      return this.api.refreshInfiniteCache();
    },
    // ---- the place
    scrolled() {
      if (!this.drawn) return;
      this.top = this.window.top();
      this.keep({ top: this.top });
      this.window.follow(this.all, true);
    },
    keep(change) {
      this.spot = { ...this.spot, ...change };
      keep("grid", this.spot);
    },
    /** To the rows that were on screen, and to the one that was opened from here: once AG Grid has room for them. */
    comeBack(place, frames = 60) {
      this.spot = place;
      if (this.leaving || !this.all) return;
      if (place.top) this.goTo(place.top);
      if (this.top < place.top && frames) return requestAnimationFrame(() => this.comeBack(place, frames - 1));
      if (place.row !== undefined) this.window.focus(place.row, this.all);
    },
    opened(event) {
      const row = event.target.closest("a[href]")?.closest("[row-index]");
      if (row) this.keep({ row: this.window.base + Number(row.getAttribute("row-index")) });
    },
    goTo(index) {
      if (this.drawn) this.top = this.window.show(index, this.all);
    },
    jump() {
      const wanted = Number(this.wanted.replace(/[\s,.']/g, ""));
      if (!this.wanted || !Number.isFinite(wanted) || !this.all) return;
      this.goTo(wanted - 1);
      this.window.focus(wanted - 1, this.all);
    },
    keys(event) {
      if (
        !this.drawn ||
        !(event.ctrlKey || event.metaKey) ||
        !["Home", "End"].includes(event.key) ||
        event.target.closest(".qd-editor")
      )
        return;
      event.preventDefault();
      event.stopPropagation();
      const index = event.key === "Home" ? 0 : this.all - 1;
      this.goTo(index);
      this.window.focus(index, this.all);
    },
    // ---- the view lives in the URL
    navigate(change) {
      const query = new URLSearchParams(location.search);
      change(query);
      const path = location.pathname.slice((window.path_prefix || "").length);
      emitEvent("sub_pages_navigate", query.size ? `${path}?${query}` : path);
    },
    sortBy() {
      const sorted = this.api.getColumnState().find((column) => column.sort);
      const key = sorted && this.columns[Number(sorted.colId.slice(1))].key;
      this.navigate((query) =>
        sorted ? query.set("sort", (sorted.sort === "desc" ? "-" : "") + key) : query.delete("sort"),
      );
    },
    showOrder() {
      const sort = new URLSearchParams(this.about.query).get("sort") || "";
      const index = this.columns.findIndex((field) => field.key === sort.replace(/^-/, ""));
      const state = index < 0 ? [] : [{ colId: `f${index}`, sort: sort.startsWith("-") ? "desc" : "asc" }];
      this.api.applyColumnState({ state, defaultState: { sort: null } });
    },
    clear() {
      this.navigate((query) => query.delete("f"));
    },
    unsort() {
      this.navigate((query) => query.delete("sort"));
    },
    // ---- editing
    entryOf(row, field) {
      return this.edits.get(row, field);
    },
    mayEdit(data, field) {
      return Boolean(this.editable && field.editable && data && this.entryOf(data.id, field.key)?.state !== "saving");
    },
    holdsKey({ editing, event, api }) {
      if (!editing) return false;
      const editor = api.getCellEditorInstances()[0];
      if (event.key === "Enter" && event.shiftKey) return true;
      return Boolean(editor?.invalid && ["Enter", "Tab"].includes(event.key));
    },
    commit({ data, colDef, newValue }) {
      const { field, index } = colDef.context;
      if (!data || !newValue?.changed) return;
      const before = this.entryOf(data.id, field.key);
      // What was seen is what the editor opened with: somebody else's change may have arrived below it since.
      const entry = {
        row_id: data.id,
        position: data.position,
        field: field.key,
        label: field.label,
        seen: before ? before.seen : newValue.seen,
        text: newValue.text,
        value: newValue.value,
      };
      if (this.leaving)
        this.edits.put({ ...entry, state: "failed", message: "The screen changed before it was saved." });
      else if (newValue.error) this.edits.put({ ...entry, state: "refused", message: newValue.error });
      else if (JSON.stringify(newValue.value) === JSON.stringify(data.values[index]))
        before && this.edits.discard(before);
      else this.edits.save(entry);
    },
    retry(entry) {
      this.edits.save(entry);
    },
    discard(entry) {
      this.edits.discard(entry);
    },
    redraw(row) {
      this.unsaved = this.edits?.unsaved() ?? [];
      const node = this.api?.getRowNode(row);
      if (node) this.api.refreshCells({ rowNodes: [node], force: true });
    },
    answer(row, field, value, state, message) {
      this.put(row, field, value);
      this.edits.answer(row, field, value, state, message);
    },
    changed(row, field, value) {
      this.put(row, field, value);
      this.redraw(row);
    },
    put(row, field, value) {
      const index = this.columns.findIndex((each) => each.key === field);
      const data = this.api.getRowNode(row)?.data;
      for (const found of new Set([data, this.source?.find(row)])) if (found) found.values[index] = value;
    },
  },
  render() {
    const broken =
      this.broken &&
      h("div", { class: "qd-notice qd-wrong", role: "alert" }, [
        h("span", this.broken),
        h("button", { type: "button", class: "qd-button", onClick: this.reload }, "Try again"),
      ]);
    const covered = this.state && this.state !== "loading";
    return h(
      "section",
      {
        class: [
          "qd-grid",
          {
            "qd-dim": this.state === "loading",
            "qd-covered": covered,
            "qd-windowed": this.drawn && this.window.part(this.all),
          },
        ],
        role: "region",
        "aria-label": this.label,
        "aria-busy": this.state === "loading",
      },
      [
        h("div", { class: "qd-body", onKeydownCapture: this.keys, onClickCapture: this.opened }, [
          h("div", { class: "qd-table", id: this.rowsId, ref: "table", inert: covered || undefined }),
          this.drawn && this.window.part(this.all)
            ? h(Rail, {
                top: this.top,
                total: this.all,
                page: this.window.page(),
                controls: this.rowsId,
                onMove: this.goTo,
              })
            : null,
          this.state
            ? h(
                "div",
                { class: ["qd-state", { "qd-over": this.state === "loading" && this.drawn }] },
                STATES[this.state](this),
              )
            : null,
          broken || null,
        ]),
        unsaved(this),
        foot(this),
      ],
    );
  },
};
