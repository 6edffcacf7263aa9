// How long things take until they are painted, measured in the page itself.
(() => {
  const list = () => document.querySelector("main table[aria-label]");
  const nextPage = () =>
    [...document.querySelectorAll("main .foot button")].find((button) => button.textContent === "Next page");
  const heading = () => document.querySelector("main h1")?.textContent.trim();
  /** What a list shows now: other rows, or another sentence, are another answer. */
  const shown = () =>
    [...document.querySelectorAll("main tbody tr[data-id]")].map((row) => row.dataset.id).join() +
    (document.querySelector("main .state h2")?.textContent ?? "");
  const complete = (screen) =>
    heading() === screen.title &&
    !document.querySelector("main .bones") &&
    (!screen.list || document.querySelector("main tbody tr[data-id], main .state"));
  /** The moment at which `ready` had become true and the browser had drawn it. */
  const painted = (ready) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        observer.disconnect();
        reject(
          new Error(
            `not painted in 20 s at ${location.href}: ${document.querySelector("main")?.innerText.slice(0, 300)}`,
          ),
        );
      }, 20000);
      const look = () => {
        if (!ready()) return;
        observer.disconnect();
        clearTimeout(late);
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
      };
      const observer = new MutationObserver(look);
      observer.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
      look();
    });
  const timed = async (act, ready) => {
    const began = performance.now();
    act();
    return (await painted(ready)) - began;
  };
  const follow = (address) => {
    const link = document.createElement("a");
    link.href = address;
    document.body.append(link);
    link.click();
    link.remove();
  };
  window.painting = {
    /** From the beginning of the navigation. */
    open: (screen) => painted(() => complete(screen)),
    /** By a link of the menu, from another screen. */
    change: (screen) =>
      timed(
        () => document.querySelector(`nav a[href="${screen.path}"]`).click(),
        () => complete(screen),
      ),
    /** Another address of the same list, by a link. */
    follow: (address) => {
      const before = shown();
      return timed(
        () => follow(address),
        () => shown() !== before && list()?.getAttribute("aria-busy") !== "true",
      );
    },
    /** Back to the list without conditions, if it is not on screen. */
    reset: (address) => (location.pathname + location.search === address ? 0 : painting.follow(address)),
    hasNext: () => !nextPage().disabled,
    next: () => {
      const before = shown(),
        button = nextPage();
      return timed(
        () => button.click(),
        () => shown() !== before && list()?.getAttribute("aria-busy") !== "true",
      );
    },
    search: (words) => {
      const before = shown(),
        box = document.querySelector("main input[type=search]");
      return timed(
        () => {
          box.value = words;
          box.dispatchEvent(new InputEvent("input", { bubbles: true }));
          box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
        },
        () => shown() !== before && list()?.getAttribute("aria-busy") !== "true",
      );
    },
    /** The first button or link that fits, until a dialog or another head line is there. */
    click: (selector) => {
      const before = heading();
      return timed(
        () => document.querySelector(selector).click(),
        () => {
          const now = heading();
          return (
            document.querySelector("dialog[open], [role=dialog]") ||
            (now && now !== before && !document.querySelector("main .bones"))
          );
        },
      );
    },
  };
})();
