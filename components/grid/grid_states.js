// The cards that stand in for rows: loading, nothing there, refused, too slow, stopped.

import { h } from "vue";

const number = (value) => value.toLocaleString("en");

const button = (words, onClick, main) =>
  h("button", { type: "button", class: main ? "qd-button qd-main" : "qd-button", onClick }, words);

function card(title, words, buttons, attributes = {}) {
  return h("div", { class: "qd-card", ...attributes }, [
    h("strong", title),
    words ? h("p", words) : null,
    h("div", { class: "qd-buttons" }, buttons),
  ]);
}

function skeleton() {
  return h(
    "div",
    { class: "qd-skeletons", "aria-hidden": "true" },
    Array.from({ length: 14 }, () => h("i")),
  );
}

function loading(grid) {
  const reads = grid.about.words.length ? grid.about.words.join(", ") : "this order";
  const words = grid.about.scan
    ? `This ${grid.about.words.length ? "filter" : "order"} reads all ${number(grid.total)} rows; it may take a moment.`
    : `Still looking: ${reads}.`;
  const notice =
    grid.about.scan || grid.waited
      ? h("div", { class: "qd-notice", role: "status" }, [
          h("span", grid.waited ? `${words} ${grid.waited} s` : words),
          grid.waited ? button("Cancel", grid.cancel) : null,
        ])
      : null;
  return [grid.drawn ? null : skeleton(), notice];
}

export const STATES = {
  loading,
  empty: () => card("No rows yet", "They appear here as soon as a file has been imported."),
  nomatch: (grid) =>
    card("No row matches these filters", grid.about.words.join(", "), [button("Clear filters", grid.clear, true)], {
      role: "status",
    }),
  slow: (grid) =>
    card(
      "This took too long and was stopped",
      grid.about.words.length
        ? `The filter “${grid.about.words.join(", ")}” has to read too many rows. Narrow it, or clear it.`
        : "This order has to read too many rows. Filter first, or go back to the order of the file.",
      [
        button(
          grid.about.words.length ? "Clear filters" : "Clear the order",
          grid.about.words.length ? grid.clear : grid.unsort,
          true,
        ),
        button("Try again", grid.open),
      ],
      { role: "alert" },
    ),
  stopped: (grid) =>
    card("Stopped", "The question was cancelled; nothing was changed.", [
      button("Try again", grid.open, true),
      ...(grid.about.words.length ? [button("Clear filters", grid.clear)] : []),
    ]),
  error: (grid) =>
    card(
      "The rows could not be loaded",
      grid.message,
      [button("Try again", grid.open, true), ...(grid.about.words.length ? [button("Clear filters", grid.clear)] : [])],
      { role: "alert" },
    ),
};

/** An edit that is not saved, above the foot, and how many more. */
export function unsaved(grid) {
  const [entry, ...more] = grid.unsaved;
  if (!entry) return null;
  const words = `Row ${number(entry.position)}, ${entry.label}: “${entry.text}” is not saved. ${entry.message}`;
  return h("div", { class: "qd-unsaved", role: "alert" }, [
    h("span", words + (more.length ? ` And ${more.length} more.` : "")),
    entry.state === "refused"
      ? null
      : h(
          "button",
          { type: "button", class: "qd-button", onClick: () => grid.retry(entry) },
          entry.state === "conflict" ? "Save mine" : "Try again",
        ),
    h("button", { type: "button", class: "qd-button", onClick: () => grid.discard(entry) }, "Discard"),
  ]);
}

/** Where one is among all rows, and the way to another one. */
export function foot(grid) {
  const input = {
    inputmode: "numeric",
    "aria-label": "Go to row",
    placeholder: "Go to row",
    value: grid.wanted,
    onInput: (event) => (grid.wanted = event.target.value),
  };
  return h("div", { class: "qd-foot" }, [
    h("span", { class: "qd-place" }, grid.place),
    h("span", { class: "qd-hidden", role: "status" }, grid.said),
    h(
      "form",
      {
        onSubmit: (event) => {
          event.preventDefault();
          grid.jump();
        },
      },
      [h("input", input), h("button", { class: "qd-button" }, "Go")],
    ),
  ]);
}
