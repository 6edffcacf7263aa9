// What a page fetches beside its live wire while its session is locked: the person is asked who they are, then it goes
// on.

/** Ask the person, if they do something just now; tells whether they have proved it. */
export function unlocked() {
  if (navigator.userActivation && !navigator.userActivation.isActive) return Promise.resolve(false);
  return new Promise((resolve) => {
    window.addEventListener("qd-proved", (event) => resolve(event.detail), { once: true });
    emitEvent("locked");
  });
}

/** As `fetch`; of a locked session once more, when it is open again. */
export async function fetchUnlocked(url, options) {
  const answer = await fetch(url, options);
  if (answer.status !== 401) return answer;
  const said = await answer
    .clone()
    .json()
    .catch(() => null);
  return said?.code === "LOCKED" && (await unlocked()) ? fetch(url, options) : answer;
}
