// Files that are written on demand: fetched, then kept by the browser. A refusal is a toast, never a page of its own.

import { fetchUnlocked } from "quarterdeck/unlock.js";

/** Say how it went, at the place and in the looks of all toasts. */
function toast(message, bad) {
  Quasar.Notify.create({
    message,
    position: "bottom-left",
    classes: `qd-toast${bad ? " bad" : ""}`,
    textColor: "toast",
    ...(bad ? { timeout: 0, closeBtn: "Close" } : { timeout: 5000 }),
  });
}

function keep(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function refused(answer) {
  const said = await answer.json().catch(() => null); // a proxy may answer with a page of its own
  if (answer.status === 401 && said?.code !== "LOCKED") {
    location.assign(
      `${window.path_prefix || ""}/login?next=${encodeURIComponent(location.pathname + location.search)}`,
    );
    return;
  }
  toast(said?.message ?? "The export did not work. Try again in a moment.", true);
}

/** Ask for a list as a file, and keep it. */
export async function save(address, signal) {
  try {
    const answer = await fetchUnlocked((window.path_prefix || "") + address, {
      method: "POST",
      signal,
      headers: { accept: "application/json" },
    });
    if (!answer.ok) return await refused(answer);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))?.[1] ?? "list.csv";
    keep(await answer.blob(), name);
    const rows = Number(answer.headers.get("x-rows")),
      cut = answer.headers.get("x-cut") === "yes";
    const words = `${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"}`;
    toast(
      cut ? `Exported the first ${words}; more match. Narrow the list down to get the others.` : `Exported ${words}.`,
    );
  } catch (error) {
    if (error.name === "AbortError") toast("The export was stopped.");
    else toast("The connection was lost before the file was through. Try again.", true);
  }
}
