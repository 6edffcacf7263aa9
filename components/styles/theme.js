// Stands in the head, so that the first paint already has the right theme and the right width of the navigation.
(() => {
  const root = document.documentElement,
    dark = matchMedia("(prefers-color-scheme: dark)");
  const read = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };
  const get = () => read("theme") ?? "auto";
  const apply = () => {
    const theme = get() === "auto" ? (dark.matches ? "dark" : "light") : get();
    root.dataset.theme = theme;
    document.body?.classList.toggle("body--dark", theme === "dark");
    document.body?.classList.toggle("body--light", theme !== "dark");
  };
  root.dataset.nav = read("nav") ?? "";
  // The server draws days as they are here; whoever has no cookie gets them in UTC first.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `zone=${zone}; path=/; max-age=31536000; SameSite=Lax${secure}`;
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => setTimeout(apply));
  window.quarterdeckTheme = {
    get,
    set(theme) {
      try {
        localStorage.setItem("theme", theme);
      } catch {
        /* not kept, but shown */
      }
      root.dataset.theme = theme;
      apply();
    },
  };
})();
