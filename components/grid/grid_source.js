// The rows of one view (one order, one set of filters) by index: fetched in blocks, kept for a while.

import { fetchUnlocked } from "quarterdeck/unlock.js";

export const BLOCK = 100;
const KEPT = 80;

/** An answer that is no rows: `code` as in the product's errors, or OFFLINE, or STOPPED. */
export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The part of a page's query string that changes rows: sort and filters, nothing else. */
export function viewQuery(query) {
  return new URLSearchParams([...new URLSearchParams(query)].filter(([name]) => name === "sort" || name === "f"));
}

function toSignIn() {
  const here = location.pathname + location.search;
  location.assign(`${window.path_prefix || ""}/login?next=${encodeURIComponent(here)}`);
}

async function refusalOf(response) {
  const body = await response.json().catch(() => null);
  if (response.status === 401 && body?.code !== "LOCKED") toSignIn();
  const code = body?.code || (response.status === 504 ? "TIMEOUT" : "INTERNAL_ERROR");
  return new Refusal(code, body?.message || "The rows could not be loaded. Try again in a moment.");
}

async function ask(url, signal) {
  let response;
  try {
    response = await fetchUnlocked(url, {
      signal,
      headers: { accept: "application/json" },
      credentials: "same-origin",
    });
    if (response.ok && !response.redirected) return await response.json();
  } catch {
    if (signal.aborted) throw new Refusal("STOPPED", "");
    throw new Refusal("OFFLINE", "The server does not answer. Check your connection, then try again.");
  }
  throw await refusalOf(response);
}

function unpack([id, position, version, status, values]) {
  return { id, position, version, status, values };
}

export class RowSource {
  constructor(url, query) {
    this.url = url;
    this.query = viewQuery(query).toString();
    this.blocks = new Map();
    this.asked = new Map();
    this.aborter = new AbortController();
    this.about = { total: 0, kind: "exact", scan: false, took: 0 };
  }

  /** One block of rows by its number; the same question is asked once only. */
  block(number) {
    if (this.blocks.has(number)) return Promise.resolve(this.blocks.get(number));
    if (!this.asked.has(number)) {
      this.asked.set(
        number,
        this.fetchBlock(number).finally(() => this.asked.delete(number)),
      );
    }
    return this.asked.get(number);
  }

  async fetchBlock(number) {
    const from = number * BLOCK;
    const url = `${this.url}?from=${from}&to=${from + BLOCK}${this.query && "&" + this.query}`;
    const answer = await ask(url, this.aborter.signal);
    this.about = { total: answer.total, kind: answer.total_kind, scan: answer.scan, took: answer.took_ms / 1000 };
    const rows = answer.rows.map(unpack);
    this.blocks.set(number, rows);
    // A Map keeps the order of insertion: the first key is the oldest block.
    if (this.blocks.size > KEPT) this.blocks.delete(this.blocks.keys().next().value);
    return rows;
  }

  /** Rows from ≤ index < to. Both ends may lie inside blocks. */
  async rows(from, to) {
    const first = Math.floor(from / BLOCK);
    const numbers = Array.from({ length: Math.ceil(to / BLOCK) - first }, (_, i) => first + i);
    const blocks = await Promise.all(numbers.map((number) => this.block(number)));
    return blocks.flat().slice(from - first * BLOCK, to - first * BLOCK);
  }

  /** The loaded row with this id, or undefined. */
  find(id) {
    for (const rows of this.blocks.values()) {
      const row = rows.find((each) => each.id === id);
      if (row) return row;
    }
    return undefined;
  }

  forget() {
    this.blocks.clear();
  }

  /** Give up every question that is still open; the server hears of it by the closed connection. */
  stop() {
    this.aborter.abort();
  }
}
