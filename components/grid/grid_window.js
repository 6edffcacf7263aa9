// Where the rows on screen lie among all rows. AG Grid draws at most ~32 million pixels; a longer list is shown through
// a window of rows around the place, which moves along while one scrolls, with a rail of its own beside it.

import { h } from "vue";
import { BLOCK } from "grid_source";

export const ROW = 36;
const DIRECT = 850_000; // × 36 px stays below the limit
const SIZE = 400_000;
const MARGIN = 100_000; // moved at rest; the wheel does not get through this many rows without a rest
const EDGE = 3_000; // moved at once

export class RowWindow {
  constructor(api, element, datasource) {
    Object.assign(this, { api, element, datasource, base: 0, count: 0 });
  }

  viewport() {
    return this.element.querySelector(".ag-body-viewport") || this.element.querySelector(".ag-grid-viewport");
  }

  /** Whether the list is too long to be drawn at once. */
  part(total) {
    return total > DIRECT;
  }

  page() {
    return Math.max(1, Math.floor((this.viewport()?.clientHeight || ROW) / ROW));
  }

  pixels() {
    return this.api.getVerticalPixelRange().top;
  }

  /** The index, among all rows, of the first row of which more than half is on screen. */
  top() {
    return this.base + Math.round(this.pixels() / ROW);
  }

  start(total) {
    this.move(0, total);
    this.scroll(0);
  }

  resize(total) {
    this.count = this.part(total) ? Math.min(SIZE, total - this.base) : total;
    this.api.setRowCount(Math.max(0, this.count), true);
  }

  move(base, total) {
    this.base = base;
    this.count = this.part(total) ? Math.min(SIZE, total - base) : total;
    this.api.setGridOption("datasource", this.datasource());
    this.api.setRowCount(this.count, true);
  }

  scroll(pixels) {
    // AG Grid's own scroll bar is a second scrolling box. A shorter list clamps it, and its late event would win.
    for (const box of [this.viewport(), this.element.querySelector(".ag-body-vertical-scroll-viewport")])
      if (box) box.scrollTop = pixels;
  }

  baseFor(index, total) {
    const base = Math.max(0, Math.min(index - SIZE / 2, total - SIZE));
    return Math.floor(base / BLOCK) * BLOCK;
  }

  /** Move the window when the place comes near its edge, keeping every pixel where it is. */
  follow(total, hurried = false) {
    if (!this.part(total) || this.api.getEditingCells().length) return;
    const margin = hurried ? EDGE : MARGIN;
    const top = this.top();
    const nearStart = this.base > 0 && top - this.base < margin;
    const nearEnd = this.base + this.count < total && this.base + this.count - top < margin;
    if (!nearStart && !nearEnd) return;
    const place = this.base * ROW + this.pixels();
    const focused = this.api.getFocusedCell();
    const row = focused && this.base + focused.rowIndex;
    this.move(this.baseFor(top, total), total);
    this.scroll(place - this.base * ROW);
    // Focusing a cell scrolls to it, so one that is out of sight loses the focus instead.
    if (focused && row >= top && row < top + this.page()) this.api.setFocusedCell(row - this.base, focused.column);
  }

  /** Bring a row to the top; answers the index that stands there. */
  show(index, total) {
    const wanted = Math.max(0, Math.min(index, total - 1));
    const inside =
      wanted - this.base >= (this.base ? EDGE : 0) &&
      wanted < this.base + this.count - (this.base + this.count < total ? EDGE : 0);
    if (this.part(total) && !inside) this.move(this.baseFor(wanted, total), total);
    this.scroll((wanted - this.base) * ROW);
    return this.top();
  }

  focus(index, total) {
    const row = Math.max(0, Math.min(index, total - 1)) - this.base;
    this.api.setFocusedCell(row, this.api.getFocusedCell()?.column || "#");
  }
}

const KEYS = { ArrowDown: 1, ArrowUp: -1 };

/** The rail: a scroll bar over all rows, for lists that no browser can scroll by itself. */
export const Rail = {
  props: { top: Number, total: Number, page: Number, controls: String },
  emits: ["move"],
  data: () => ({ held: null }),
  computed: {
    last() {
      return Math.max(1, this.total - this.page);
    },
  },
  methods: {
    at(event) {
      const box = this.$el.getBoundingClientRect();
      return Math.round(Math.max(0, Math.min(1, (event.clientY - box.top - 14) / (box.height - 28))) * this.last);
    },
    down(event) {
      this.$el.setPointerCapture(event.pointerId);
      this.drag(event);
      event.preventDefault();
    },
    drag(event) {
      this.held = this.at(event);
      if (this.frame) return;
      this.frame = requestAnimationFrame(() => {
        this.frame = null;
        if (this.held !== null) this.$emit("move", this.held);
      });
    },
    up() {
      if (this.held !== null) this.$emit("move", this.held);
      this.held = null;
    },
    key(event) {
      const step = { ...KEYS, PageDown: this.page, PageUp: -this.page, Home: -this.total, End: this.total }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.$emit("move", Math.max(0, Math.min(this.total - 1, this.top + step)));
    },
  },
  render() {
    const place = Math.min(1, (this.held ?? this.top) / this.last);
    return h(
      "div",
      {
        class: "qd-rail",
        role: "scrollbar",
        tabindex: 0,
        "aria-label": "Position among all rows",
        "aria-orientation": "vertical",
        "aria-valuemin": 1,
        "aria-valuemax": this.total,
        "aria-valuenow": this.top + 1,
        "aria-controls": this.controls,
        onPointerdown: this.down,
        onPointermove: (event) => this.held !== null && this.drag(event),
        onPointerup: this.up,
        onPointercancel: this.up,
        onKeydown: this.key,
      },
      [
        h(
          "i",
          { style: { top: `calc(${place * 100}% - ${place * 28}px)` } },
          this.held === null ? [] : [h("b", (this.held + 1).toLocaleString("en"))],
        ),
      ],
    );
  },
};
