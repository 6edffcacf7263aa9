// Where somebody was on each page of the browser's history: how far down, at which row, and what else a part keeps.
// Back and Forward lead there once its rows are drawn again; so does loading the page anew.

const STORE = "quarterdeck-places";
const KEPT = 50;
const PATIENCE = 10_000;

const places = new Map(JSON.parse(sessionStorage.getItem(STORE) || "[]"));
const [loaded] = performance.getEntriesByType("navigation");
let here = history.state?.key ?? null;
let back = null; // what is kept of the page that one came back to
let waiting = null; // until its rows are there

const observer = new MutationObserver(() => comeBack());

/** Keep something of this page of the history. */
export function keep(name, value) {
  if (here === null) return;
  const place = { ...places.get(here), [name]: value };
  places.delete(here);
  places.set(here, place);
  if (places.size > KEPT) places.delete(places.keys().next().value);
}

/** What was kept of the page that one has just come back to; it is told once. */
export function kept(name) {
  const value = back?.[name];
  if (back) delete back[name];
  return value;
}

/** A screen is about to be shown at an address of ours. */
export function arrive(address, navigates) {
  const full = (window.path_prefix || "") + address;
  if (navigates) {
    stop();
    back = null;
    if (location.pathname + location.search + location.hash !== full) {
      here = crypto.randomUUID?.() ?? String(Math.random());
      history.pushState({ page: address, key: here }, "", full);
    }
  }
  name();
}

/** Every page of the history has a name. */
function name() {
  here = history.state?.key ?? crypto.randomUUID?.() ?? String(Math.random());
  if (history.state?.key !== here) history.replaceState({ ...history.state, key: here }, "");
}

/** Scroll to where one was, as soon as the page reaches that far, and mark the row that one came from. */
export function comeBack() {
  if (!waiting) return;
  const { y, row } = waiting;
  if (document.documentElement.scrollHeight - window.innerHeight < y - 1) return;
  window.scrollTo(0, y);
  const line = row && document.querySelector(`[data-id="${CSS.escape(row)}"]`);
  if (row && !line) return;
  line?.setAttribute("data-came-from", "");
  line?.focus({ preventScroll: true });
  stop();
}

function start() {
  back = here === null ? null : { ...places.get(here) };
  waiting = back && { y: back.y ?? 0, row: back.row };
  if (!waiting) return;
  observer.observe(document.body, { childList: true, subtree: true });
  setTimeout((one) => waiting === one && stop(), PATIENCE, waiting);
}

function stop() {
  waiting = null;
  observer.disconnect();
}

/** Whoever moves on their own is not led back any more, and has seen which row they came from. */
function moved() {
  stop();
  document.querySelector("[data-came-from]")?.removeAttribute("data-came-from");
}

function opened(event) {
  if (event.target.closest?.("a[href]")) keep("row", event.target.closest("[data-id]")?.dataset.id);
}

history.scrollRestoration = "manual";
window.addEventListener("popstate", () => {
  name();
  start();
});
window.addEventListener("scroll", () => waiting || keep("y", window.scrollY), { passive: true });
window.addEventListener("pagehide", () => sessionStorage.setItem(STORE, JSON.stringify([...places])));
for (const event of ["wheel", "touchstart", "pointerdown", "keydown"])
  window.addEventListener(event, moved, { passive: true });
document.addEventListener("click", opened, true);
if (loaded?.type === "reload" || loaded?.type === "back_forward") start();
