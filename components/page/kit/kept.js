// What was typed into forms, kept by this tab until it is sent, closed or left: a page that has to load itself anew,
// because
// the server was started anew, finds it again. Passwords, codes and texts that confirm a danger are never typed here or
// left out.

const NAME = "qd-typed",
  MOST = 5,
  LARGEST = 100_000,
  AGE = 12 * 3600 * 1000;
let trail = [];

/** How a button is found again: the row that it belongs to, and its words. */
const step = (button) => [
  button.closest("[data-id]")?.dataset.id ?? "",
  (button.ariaLabel ?? button.textContent).trim(),
];

document.addEventListener(
  "click",
  ({ target }) => {
    const button = target.closest?.("button,a");
    if (!button || button.closest("dialog,.q-notifications")) return;
    trail = button.closest(".pop")
      ? [step(button.closest(".menu").querySelector("button")), step(button)]
      : [step(button)];
  },
  true,
);

/** All that is kept for this person. What somebody else typed in this tab is thrown away. */
function read(who) {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "[]").filter(
      (one) => one.who === who && Date.now() - one.at < AGE,
    );
  } catch {
    return [];
  }
}

function write(all) {
  try {
    if (all.length) sessionStorage.setItem(NAME, JSON.stringify(all.slice(-MOST)));
    else sessionStorage.removeItem(NAME);
  } catch {
    /* the browser keeps nothing for us: it is as if nothing had been typed */
  }
}

const same = (one, { label }) => one.path === location.pathname && one.label === label;

/** The fields of a form that may be kept. */
const fields = (form) => form.fields.filter((f) => !f.must_equal);

/** What was typed into this form before: {field: [what stood there first, what was typed]}. */
export const typed = (form) => read(form.who).find((one) => same(one, form))?.typed ?? {};

/** Keep what stands in a form, as far as it differs from what stood there first. */
export function keep(form, first, values) {
  const mine = fields(form)
    .filter((f) => values[f.name] !== first[f.name])
    .map((f) => [f.name, [first[f.name], values[f.name]]]);
  const rest = read(form.who).filter((one) => !same(one, form)),
    size = JSON.stringify(mine).length;
  if (!mine.length || size > LARGEST) write(rest);
  else
    write([
      ...rest,
      {
        who: form.who,
        at: Date.now(),
        path: location.pathname,
        label: form.label,
        dialog: form.dialog ? form.trail : null,
        typed: Object.fromEntries(mine),
      },
    ]);
}

export const forget = (form) => write(read(form.who).filter((one) => !same(one, form)));
export const forgetAll = () => write([]);
export const trailed = () => trail;

/** After a page has loaded itself anew: offer the dialogs in which somebody was typing. */
export function offer(who) {
  const all = read(who);
  write(all);
  for (const one of all.filter(({ path, dialog }) => path === location.pathname && dialog)) {
    const label = `“${one.label}”`;
    Quasar.Notify.create({
      message: `You were typing in ${label}. It is kept.`,
      position: "bottom-left",
      classes: "qd-toast",
      textColor: "toast",
      timeout: 0,
      actions: [
        { label: "Open again", handler: () => reopen(one, label) },
        { label: "Forget it", handler: () => forget({ who, label: one.label }) },
      ],
    });
  }
}

/** Press what was pressed to open a dialog; where that is not there now, say what to do. */
async function reopen(one, label) {
  for (const [row, words] of one.dialog) {
    const there = (button) =>
      !button.closest("dialog") && String(step(button)) === String([row, words]) && !button.disabled;
    const button = location.pathname === one.path && [...document.querySelectorAll("button,a")].find(there);
    if (!button) {
      Quasar.Notify.create({
        message: `Open ${label} yourself: what you typed will stand in it.`,
        position: "bottom-left",
        classes: "qd-toast",
        textColor: "toast",
        timeout: 10000,
      });
      return;
    }
    button.click();
    await Vue.nextTick();
  }
}
