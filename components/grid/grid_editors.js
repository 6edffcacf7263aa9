// The editor of a cell, by the type of its field. What was typed is read as { text, value } or { text, error }.

import { valueText } from "grid_cells";

const LONG = new Set(["long_text", "json"]);
const SAFE = (text, number) =>
  Number.isFinite(number) &&
  Math.abs(number) <= Number.MAX_SAFE_INTEGER &&
  text.replace(/[^0-9]/g, "").replace(/^0+/, "").length <= 15;

function readNumber(field, text) {
  const whole = field.type === "integer";
  if (!(whole ? /^[+-]?\d{1,40}$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i).test(text)) {
    return { error: whole ? "Type a whole number, such as 42." : "Type a number, such as 4.2." };
  }
  const number = Number(text);
  if (field.minimum !== null && number < field.minimum) return { error: `At least ${field.minimum}.` };
  if (field.maximum !== null && number > field.maximum) return { error: `At most ${field.maximum}.` };
  // A number that JavaScript would round travels as its digits.
  return { value: SAFE(text, number) ? number : text };
}

function readJson(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error: `This is not JSON yet: ${error.message}` };
  }
}

const READERS = {
  integer: readNumber,
  number: readNumber,
  json: (field, text) => readJson(text),
  boolean: (field, text) => ({ value: text === "Yes" }),
  multi_choice: (field, text) => ({
    value: text
      .split(";")
      .map((word) => word.trim())
      .filter(Boolean),
  }),
  url: (field, text) =>
    /^https?:\/\/\S+$/i.test(text) ? { value: text } : { error: "Type an address that starts with https://" },
};

/** Read what was typed: an empty text is a missing value. */
export function readTyped(field, text, suffix = "") {
  const trimmed = LONG.has(field.type) || field.type === "text" ? text : text.trim();
  if (trimmed === "") return field.required ? { text, error: `${field.label} needs a value.` } : { text, value: null };
  const reader = READERS[field.type] || (() => ({ value: trimmed + suffix }));
  return { text, ...reader(field, trimmed) };
}

function options(select, values, chosen) {
  for (const [value, words] of values) select.add(new Option(words, value, value === chosen, value === chosen));
}

function select(field, text) {
  const node = document.createElement("select");
  const known = field.type === "boolean" ? ["Yes", "No"] : field.choices;
  const strange = text && !known.includes(text) ? [text] : [];
  options(node, [["", "– missing"], ...[...strange, ...known].map((word) => [word, word])], text);
  return node;
}

function multiple(field, chosen) {
  const node = document.createElement("fieldset");
  for (const word of new Set([...field.choices, ...chosen])) {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), {
      type: "checkbox",
      value: word,
      checked: chosen.includes(word),
    });
    label.append(box, word);
    node.append(label);
  }
  return node;
}

function input(field, text) {
  const node = document.createElement("input");
  node.type = { date: "date", datetime: "datetime-local" }[field.type] || "text";
  if (field.type === "datetime") node.step = "1";
  if (field.type === "integer") node.inputMode = "numeric";
  if (field.type === "number") node.inputMode = "decimal";
  node.value = field.type === "datetime" ? text.replace(" ", "T").replace(/(Z|[+-]\d\d:?\d\d)$/, "") : text;
  // A stored value that a date control cannot show must not look like a missing one.
  if (text && !node.value) Object.assign(node, { type: "text", value: text });
  return node;
}

function control(field, text, value) {
  if (field.type === "boolean" || (field.type === "choice" && field.choices.length)) return select(field, text);
  if (field.type === "multi_choice" && field.choices.length) return multiple(field, Array.isArray(value) ? value : []);
  if (!LONG.has(field.type)) return input(field, text);
  return Object.assign(document.createElement("textarea"), {
    value: text,
    rows: 8,
    spellcheck: field.type === "long_text",
  });
}

/** AG Grid's cell editor: a small panel over the cell, with the sentence of what is wrong below the control. */
export class TypedEditor {
  init({ field, grid, data, value, eventKey, column, eGridCell }) {
    this.field = field;
    this.seen = value;
    const entry = grid.entryOf(data.id, field.key);
    const stored =
      typeof value === "object" && field.type === "json" && value !== null
        ? JSON.stringify(value, null, 2)
        : valueText(field.type, value);
    this.start = entry ? entry.text : stored;
    this.unsaved = Boolean(entry);
    this.suffix = field.type === "datetime" ? (/(Z|[+-]\d\d:?\d\d)$/.exec(String(value ?? ""))?.[1] ?? "") : "";
    this.control = control(field, this.start, entry ? entry.value : value);
    this.first = this.text();
    this.typed =
      eventKey?.length === 1 &&
      "value" in this.control &&
      this.control.tagName !== "SELECT" &&
      ["text", "textarea"].includes(this.control.type);
    if (this.typed) Object.assign(this.control, { value: eventKey });
    if (eventKey === "Backspace" || eventKey === "Delete") this.clear();
    this.build(column.getActualWidth(), eGridCell.offsetHeight);
  }

  clear() {
    if ("value" in this.control) this.control.value = "";
  }

  build(width, height) {
    this.gui = document.createElement("div");
    this.gui.className = `qd-editor${LONG.has(this.field.type) ? " qd-long" : ""}`;
    this.gui.style.minWidth = `${width}px`;
    this.gui.style.setProperty("--cell-height", `${height}px`);
    this.note = Object.assign(document.createElement("p"), { id: "qd-editor-note" });
    this.note.setAttribute("role", "status");
    this.control.setAttribute("aria-label", this.field.label);
    this.control.setAttribute("aria-describedby", this.note.id);
    this.control.addEventListener("input", () => this.check());
    this.gui.append(this.control, this.note);
    this.check();
  }

  text() {
    if (this.control.tagName === "FIELDSET") {
      return [...this.control.querySelectorAll(":checked")].map((box) => box.value).join("; ");
    }
    return this.control.value;
  }

  read() {
    if (this.control.tagName === "FIELDSET") {
      const value = [...this.control.querySelectorAll(":checked")].map((box) => box.value);
      const error = this.field.required && !value.length ? `${this.field.label} needs a value.` : undefined;
      return { text: this.text(), value: value.length ? value : null, error };
    }
    return readTyped(this.field, this.text(), this.control.type === "datetime-local" ? this.suffix : "");
  }

  check() {
    const { error } = this.read();
    this.invalid = Boolean(error);
    this.control.setAttribute("aria-invalid", String(this.invalid));
    this.note.textContent =
      error || (LONG.has(this.field.type) ? "Enter saves, Shift+Enter starts a line, Esc cancels." : "");
    this.gui.classList.toggle("qd-bad", this.invalid);
  }

  getGui() {
    return this.gui;
  }

  afterGuiAttached() {
    const target = this.control.tagName === "FIELDSET" ? this.control.querySelector("input") : this.control;
    target?.focus();
    if (!this.typed && target?.select && target.type === "text") target.select();
  }

  getValue() {
    return { ...this.read(), seen: this.seen, changed: this.unsaved || this.text() !== this.first };
  }

  isPopup() {
    return true;
  }
}
