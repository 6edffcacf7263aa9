// What people typed into cells and what became of it. Nothing is lost: unsaved entries live in the tab's storage.

const ANSWER_WITHIN = 15_000;

export class Edits {
  /** `changed(row_id, field)` redraws a cell, `send(edit)` tells the server. */
  constructor(name, changed, send) {
    this.name = `quarterdeck-unsaved:${name}`;
    this.changed = changed;
    this.send = send;
    this.entries = new Map();
    this.timers = new Map();
    this.restore();
  }

  restore() {
    try {
      for (const entry of JSON.parse(sessionStorage.getItem(this.name)) || []) {
        if (entry.state === "saving")
          Object.assign(entry, { state: "failed", message: "It is not known whether this was saved." });
        this.entries.set(this.key(entry.row_id, entry.field), entry);
      }
    } catch {
      sessionStorage.removeItem(this.name);
    }
  }

  key(row, field) {
    return `${row} ${field}`;
  }

  get(row, field) {
    return this.entries.get(this.key(row, field));
  }

  /** Entries that need a person, oldest first. */
  unsaved() {
    return [...this.entries.values()].filter((entry) => entry.state !== "saving");
  }

  put(entry) {
    this.entries.set(this.key(entry.row_id, entry.field), entry);
    this.settle(entry);
  }

  settle(entry) {
    const key = this.key(entry.row_id, entry.field);
    clearTimeout(this.timers.get(key));
    if (this.entries.size) sessionStorage.setItem(this.name, JSON.stringify([...this.entries.values()]));
    else sessionStorage.removeItem(this.name);
    this.changed(entry.row_id, entry.field);
  }

  /** Send an entry, or say at once that there is no connection: the socket would keep it in silence. */
  save(entry) {
    if (window.socket?.connected === false || navigator.onLine === false) {
      return this.put({ ...entry, state: "failed", message: "There is no connection to the server." });
    }
    this.put({ ...entry, state: "saving", message: "" });
    const key = this.key(entry.row_id, entry.field);
    this.timers.set(
      key,
      setTimeout(() => this.put({ ...entry, state: "failed", message: "The server did not answer." }), ANSWER_WITHIN),
    );
    return this.send({ row_id: entry.row_id, field: entry.field, seen: entry.seen, value: entry.value });
  }

  /** Wait for no answer any more: the grid is going away, its entries stay in the storage. */
  stop() {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  discard(entry) {
    this.entries.delete(this.key(entry.row_id, entry.field));
    this.settle(entry);
  }

  /** The server's answer; `value` is what the database holds now. */
  answer(row, field, value, state, message) {
    const entry = this.get(row, field);
    if (!entry) return;
    if (state === "saved" || state === "discarded") this.discard(entry);
    // After a conflict the person has been shown theirs: trying again means "mine instead of theirs".
    else this.put({ ...entry, state, message, seen: state === "conflict" ? value : entry.seen });
  }
}
