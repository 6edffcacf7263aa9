// Columns of a grid and how a cell of each type looks. Data only ever becomes text nodes and checked addresses.

const NUMERIC = new Set(["integer", "number"]);
const WIDTHS = {
  integer: 112,
  number: 120,
  boolean: 96,
  date: 116,
  datetime: 164,
  long_text: 280,
  json: 240,
  image: 220,
  url: 220,
};

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** A value as a person reads it; also what an editor starts with, but for a missing value. */
export function valueText(type, value) {
  if (value === null || value === undefined) return "";
  if (type === "datetime")
    return String(value)
      .replace("T", " ")
      .replace(/^(.{10} \d\d:\d\d):00(?![\d.])/, "$1");
  if (type === "multi_choice" && Array.isArray(value)) return value.join("; ");
  if (type === "boolean") return value ? "Yes" : "No";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function image(value) {
  const box = el("span", "qd-cut");
  if (/^(https:\/\/|\/(?!\/))/.test(value)) {
    const picture = el("img", "qd-thumb");
    Object.assign(picture, { loading: "lazy", alt: "", referrerPolicy: "no-referrer", src: value });
    picture.addEventListener("error", () => picture.remove());
    box.append(picture);
  }
  box.append(value);
  return box;
}

function address(value) {
  if (!/^https?:\/\//i.test(value)) return el("span", "qd-cut", value);
  const link = el("a", "qd-cut qd-link", value);
  Object.assign(link, { href: value, target: "_blank", rel: "noopener noreferrer", tabIndex: -1 });
  return link;
}

function drawValue(type, value) {
  if (value === null || value === undefined) return el("span", "qd-missing", "–");
  const text = valueText(type, value);
  const node = type === "image" ? image(text) : type === "url" ? address(text) : el("span", "qd-cut", text);
  if (text.length > 12) node.title = text;
  return node;
}

const SENTENCE = { refused: "Not saved. ", failed: "Not saved. ", conflict: "Not saved. " };

/** A cell whose edit is on its way or was not saved: what was typed stays readable. */
function drawUnsaved(field, entry) {
  const node = el("span", `qd-cut qd-typed qd-${entry.state}`, entry.text || "–");
  if (entry.state === "saving") {
    node.append(el("span", "qd-hidden", " (saving)"));
  } else {
    node.title = (SENTENCE[entry.state] || "") + entry.message;
    node.append(el("span", "qd-hidden", ` (${node.title})`));
  }
  return node;
}

function drawNumber(grid) {
  return ({ data }) => {
    if (!data) return el("span", "qd-skeleton");
    const text = data.position.toLocaleString("en");
    if (!grid.rowLink) return el("span", "qd-position", text);
    const link = el("a", "qd-position qd-link", text);
    link.href = (window.path_prefix || "") + grid.rowLink.replace("{row_id}", encodeURIComponent(data.id));
    link.tabIndex = -1;
    link.setAttribute("aria-label", `Open row ${text}`);
    return link;
  };
}

function drawStatus(statuses) {
  return ({ data }) => {
    if (!data) return el("span", "qd-skeleton");
    const [words, tone] = statuses[data.status] || [data.status, "idle"];
    return data.status === null ? el("span", "qd-missing", "–") : el("span", `qd-status qd-${tone}`, words);
  };
}

const WORDY = new Set(["text", "long_text", "url", "json"]);
const widthOf = (field) => Math.max(WIDTHS[field.type] || 150, Math.min(260, field.label.length * 8 + 52));

function fieldColumn(grid, field, index) {
  return {
    colId: `f${index}`,
    headerName: field.label,
    headerTooltip: field.label === field.key ? undefined : field.key,
    type: NUMERIC.has(field.type) ? "rightAligned" : undefined,
    // Texts share the room that is left, so that few columns fill the grid; many keep their least width and scroll.
    ...(WORDY.has(field.type) ? { flex: 1, minWidth: widthOf(field) } : { width: widthOf(field) }),
    sortable: field.type !== "json" && field.type !== "multi_choice",
    cellDataType: false,
    valueGetter: ({ data }) => data?.values[index] ?? null,
    equals: () => false,
    cellRenderer: ({ data }) => {
      if (!data) return el("span", "qd-skeleton");
      const entry = grid.entryOf(data.id, field.key);
      return entry ? drawUnsaved(field, entry) : drawValue(field.type, data.values[index]);
    },
    editable: ({ data }) => grid.mayEdit(data, field),
    cellEditor: grid.editorClass,
    cellEditorParams: { field, grid },
    cellEditorPopup: true,
    cellEditorPopupPosition: "over",
    context: { field, index },
  };
}

/** AG Grid's column definitions: the row's number, the fields, and the status if there are words for it. */
export function columnsFor(grid, fields, statuses) {
  const narrow = grid.$el.clientWidth < 560;
  const number = {
    colId: "#",
    headerName: "#",
    headerTooltip: "Row number",
    width: narrow ? 76 : 104,
    pinned: "left",
    type: "rightAligned",
    sortable: false,
    resizable: false,
    suppressMovable: true,
    cellDataType: false,
    valueGetter: ({ data }) => data?.position,
    cellRenderer: drawNumber(grid),
  };
  const status = {
    colId: "status",
    headerName: "Status",
    width: 140,
    sortable: false,
    cellDataType: false,
    valueGetter: ({ data }) => data?.status,
    cellRenderer: drawStatus(statuses),
  };
  const columns = fields.map((field, index) => fieldColumn(grid, field, index));
  return Object.keys(statuses).length ? [number, ...columns, status] : [number, ...columns];
}
