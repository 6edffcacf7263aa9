// What our Vue components share: words for times and sizes, pills, icons, small behaviours.
import { h } from "vue";

const UNITS = [
  [31557600, "year"],
  [2629800, "month"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
];
const SHORT = { minute: "min", hour: "h", day: "d", month: "months", year: "years" };
const ABSOLUTE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });

/** "just now", "4 min ago", "in 2 h". */
export function relative(iso, now = Date.now()) {
  const seconds = (now - new Date(iso).getTime()) / 1000,
    size = Math.abs(seconds);
  if (size < 10) return "just now";
  const words = size < 60 ? `${Math.floor(size)} s` : spell(size);
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

function spell(seconds) {
  const [length, unit] = UNITS.find(([l]) => seconds >= l);
  const n = Math.floor(seconds / length);
  return `${n} ${n === 1 ? SHORT[unit].replace(/s$/, "") : SHORT[unit]}`;
}

/** The moment itself, in the zone of this browser. */
export const absolute = (iso) => ABSOLUTE.format(new Date(iso));

/** "0.4 s", "12.4 s", "3 min 5 s", "2 h 4 min". */
export function duration(s) {
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s * 10) / 10} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** "812 B", "14.2 MB"; decimal units, as disks and downloads count. */
export function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (n >= 1000 && i < 4) {
    n /= 1000;
    i++;
  }
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export const number = (n) => (typeof n === "number" ? n.toLocaleString("en", { maximumFractionDigits: 6 }) : n);
export const pill = ([word, tone]) => h("span", { class: ["st", tone] }, word);
export const shortId = (id) => id.replaceAll("-", "").slice(-8);
export const when = (iso, now) =>
  h(
    "time",
    { datetime: iso, title: absolute(iso), tabindex: 0, class: "when", "data-absolute": absolute(iso) },
    relative(iso, now),
  );

export function bar(fraction, label) {
  const percent = Math.max(0, Math.min(100, Math.floor(fraction * 100)));
  return h("div", { class: "prog" }, [
    h("i", {
      role: "progressbar",
      "aria-label": label,
      "aria-valuenow": percent,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      style: { "--p": `${percent}%` },
    }),
    `${percent} %`,
  ]);
}

/** What a link to a page that is not ours carries: it opens beside ours and learns nothing of it. */
export const outside = (link) => (/^https:/.test(link) ? { target: "_blank", rel: "noopener noreferrer" } : {});

/** A short id (or all of it as `words`) and the button that copies all of it. */
export function idCell(id, link, words = shortId(id)) {
  const copy = (event) => {
    const button = event.currentTarget;
    navigator.clipboard?.writeText(id).then(() => {
      button.dataset.copied = "1";
      button.setAttribute("aria-label", "Copied");
      setTimeout(() => {
        delete button.dataset.copied;
        button.setAttribute("aria-label", "Copy id");
      }, 1500);
    });
  };
  const code = h("code", { title: id }, words);
  return h("span", { class: ["id", words === id && "whole"] }, [
    link ? h("a", { href: link, class: "l", ...outside(link) }, [code]) : code,
    h("button", { class: "copy", type: "button", "aria-label": "Copy id", title: "Copy id", onClick: copy }, [
      icon("copy"),
    ]),
  ]);
}

/** "1,234.50 EUR": the number to compare by, its currency a little quieter. */
function money(text) {
  const at = text.lastIndexOf("\u00a0");
  return h("span", { class: "money" }, [text.slice(0, at + 1), h("small", null, text.slice(at + 1))]);
}

/** A picture of ours or from a safe address, above its address; any other address only as text. */
function picture(address, head) {
  const safe = /^(https:\/\/|\/(?!\/))/.test(address);
  return h("span", { class: "pictured" }, [
    safe ? h("img", { src: address, alt: head, loading: "lazy", referrerPolicy: "no-referrer" }) : null,
    h("span", { class: "cut", title: address }, address),
  ]);
}

/** How a number went: a line over its own shade, oldest left. `tone` is a token, `label` says it in words. */
export function sparkline(values, label, tone = "info") {
  const top = Math.max(...values, 1),
    step = 100 / Math.max(values.length - 1, 1);
  const points = values.map((v, i) => `${(i * step).toFixed(1)} ${(23 - (v / top) * 21).toFixed(1)}`),
    line = points.length > 1 ? `M${points.join("L")}` : "M0 23H100";
  return h(
    "svg",
    {
      class: ["sparkline", `is-${tone}`],
      viewBox: "0 0 100 24",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
      focusable: "false",
    },
    [
      h("title", null, label),
      h("path", { class: "shade", d: `${line}L100 24L0 24Z` }),
      h("path", { class: "went", d: line }),
    ],
  );
}

/** A value as a column of this kind shows it. */
export function cell(kind, value, { link = null, now = Date.now(), quiet = false, head = "" } = {}) {
  if (value === null || value === undefined || value === "")
    return h("span", { class: "none", "aria-label": "empty" }, "–");
  if (kind === "id" || kind === "code") return idCell(value, link, kind === "id" ? undefined : value);
  const drawn =
    {
      status: () => pill(value),
      image: () => picture(String(value), head),
      progress: () => (typeof value === "number" ? bar(value, head) : h("span", { class: "mut" }, value)),
      spark: () => sparkline(...value),
      links: () =>
        h(
          "span",
          { class: "links" },
          value.map(([words, to]) =>
            h("a", { class: "l", href: to, key: to }, [h("span", { class: "cut", title: words }, words)]),
          ),
        ),
      money: () => money(value),
      number: () => number(value),
      bytes: () => bytes(value),
      duration: () => duration(value),
      time: () => when(value, now),
    }[kind]?.() ?? h("span", { class: ["cut", quiet && "mut"], title: String(value) }, String(value));
  return link ? h("a", { class: "l", href: link, ...outside(link) }, [drawn]) : drawn;
}

const ICONS = {
  home: "M3 11l9-8 9 8v10h-6v-6h-6v6H3z",
  datasets: "M4 6c0-3 16-3 16 0v12c0 3-16 3-16 0zM4 12c0 3 16 3 16 0M4 6c0 3 16 3 16 0",
  jobs: "M12 3a9 9 0 100 18 9 9 0 000-18zm0 4v6l4 2",
  failures: "M12 4l9 16H3zM12 10v5m0 3h.01",
  queues: "M4 6h16M4 12h16M4 18h9M17 16v6m3-3h-6",
  schedules: "M4 6h16v15H4zM4 10h16M8 3v5M16 3v5M12 13v3l2 1.500",
  audit: "M6 3h9l4 4v14H6zM9 12h7M9 16h7",
  users: "M12 12a4 4 0 100-8 4 4 0 000 8zm-7 9c0-4 3-6 7-6s7 2 7 6",
  teams:
    "M9 12a3.5 3.5 0 100-7 3.5 3.5 0 000 7zm-6 8c0-4 2.5-5.5 6-5.5s6 1.5 6 5.5" +
    "M16 5.5a3.200 3.200 0 010 6M17.5 14.700c2.300.6 3.5 2.200 3.5 5.300",
  payments: "M3 6h18v13H3zM3 10h18M7 15h4",
  stats: "M5 20v-7M12 20V5M19 20v-11",
  export: "M12 4v11m-4-4l4 4 4-4M5 20h14",
  staff: "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z",
  copy: "M9 9h11v12H9zM5 15H4V3h11v2",
  menu: "M4 6h16M4 12h16M4 18h16",
  close: "M6 6l12 12M18 6L6 18",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  fold: "M15 6l-6 6 6 6",
};
export const icon = (name) =>
  h("svg", { viewBox: "0 0 24 24", class: ["icon", `icon-${name}`], "aria-hidden": "true", focusable: "false" }, [
    h("path", { d: ICONS[name] ?? ICONS.audit }),
  ]);

/** Go to an address of ours without loading the page anew. */
export const go = (address) => emitEvent("sub_pages_navigate", address);

/** A button with a menu below it. Closed by Escape (focus returns), by a click elsewhere, by choosing. */
export const Menu = {
  props: { label: String, hint: String, kind: String },
  emits: ["toggle"],
  data: () => ({ open: false }),
  methods: {
    set(open) {
      if (open === this.open) return;
      this.open = open;
      this.$emit("toggle", open);
      if (open)
        this.$nextTick(() => {
          this.place();
          this.$el.querySelector(".pop :is(input,button,a,select)")?.focus({ preventScroll: true });
        });
    },
    /** Below its button, or above where there is no room; fixed, so that no scrolling box cuts it off. */
    place() {
      const pop = this.$refs.pop;
      if (!pop) return;
      const box = this.$refs.button.getBoundingClientRect(),
        left = this.$el.classList.contains("end") ? box.right - pop.offsetWidth : box.left;
      pop.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - pop.offsetWidth - 8))}px`;
      const below = box.bottom + 6;
      const above = Math.max(8, box.top - 6 - pop.offsetHeight);
      pop.style.top = `${below + pop.offsetHeight > innerHeight ? above : below}px`;
    },
    close() {
      this.set(false);
      this.$refs.button?.focus();
    },
    outside(event) {
      if (this.open && !this.$el.contains(event.target)) this.set(false);
    },
    key(event) {
      if (event.key === "Escape" && this.open) {
        event.stopPropagation();
        this.close();
      }
      if (!["ArrowDown", "ArrowUp"].includes(event.key) || !this.open) return;
      const items = [...this.$el.querySelectorAll(".pop :is(button,a,input,select):not(:disabled)")];
      const next = items[items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    },
  },
  mounted() {
    document.addEventListener("pointerdown", this.outside);
    window.addEventListener("scroll", this.place, true);
  },
  updated() {
    this.place();
  },
  beforeUnmount() {
    document.removeEventListener("pointerdown", this.outside);
    window.removeEventListener("scroll", this.place, true);
  },
  render() {
    return h("div", { class: "menu", onKeydown: this.key }, [
      h(
        "button",
        {
          ref: "button",
          type: "button",
          class: this.kind ?? "btn",
          "aria-expanded": String(this.open),
          "aria-label": this.hint,
          title: this.hint,
          onClick: () => this.set(!this.open),
        },
        this.$slots.button?.() ?? this.label,
      ),
      this.open ? h("div", { class: "pop", ref: "pop" }, this.$slots.default({ close: this.close })) : null,
    ]);
  },
};
