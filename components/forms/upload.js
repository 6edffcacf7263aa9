// A drop zone with its own progress bar: the bytes that have left, counted by the browser.

import { h } from "vue";
import { unlocked } from "quarterdeck/unlock.js";

const mb = (bytes) =>
  bytes < 1e5 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

function left(seconds) {
  if (seconds < 1) return "almost done";
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  return `${Math.round(seconds / 60)} min left`;
}

export default {
  props: { url: String, note: String, maxBytes: Number },
  emits: ["done"],
  data: () => ({ state: "idle", file: null, sent: 0, speed: 0, wrong: "", again: false, result: null, over: false }),
  computed: {
    percent() {
      return this.file?.size ? Math.floor((this.sent / this.file.size) * 100) : 0;
    },
    progress() {
      if (this.sent >= this.file.size) return "Everything is sent; the server is checking it.";
      const pace = this.speed
        ? ` · ${(this.speed / 1e6).toFixed(1)} MB/s · ${left((this.file.size - this.sent) / this.speed)}`
        : "";
      return `${mb(this.sent)} of ${mb(this.file.size)}${pace}`;
    },
  },
  unmounted() {
    this.request?.abort();
  },
  methods: {
    choose(files) {
      if (!files.length || this.state === "sending") return;
      this.file = files[0];
      if (files.length > 1) this.fail("Choose one file at a time.", false);
      else if (!this.file.size) this.fail("This file is empty. Choose another one.", false);
      else if (this.file.size > this.maxBytes)
        this.fail(`This file has ${mb(this.file.size)}; at most ${mb(this.maxBytes)} can be sent.`, false);
      else this.send();
    },
    fail(sentence, again) {
      Object.assign(this, { state: "failed", wrong: sentence, again });
      this.$nextTick(() => (this.$refs.again || this.$refs.input)?.focus());
    },
    send() {
      Object.assign(this, { state: "sending", wrong: "", sent: 0, speed: 0 });
      const request = (this.request = new XMLHttpRequest());
      const marks = [[performance.now(), 0]];
      request.upload.onprogress = ({ loaded }) => this.count(marks, Math.min(loaded, this.file.size));
      request.onload = () => this.answered(request);
      request.onerror = () =>
        this.fail("The connection was lost before the file was through. The file is still chosen.", true);
      request.onabort = () => Object.assign(this, { state: "idle", file: null });
      request.open("PUT", `${this.url}?name=${encodeURIComponent(this.file.name)}`);
      request.setRequestHeader("content-type", "application/octet-stream");
      request.setRequestHeader("accept", "application/json");
      request.send(this.file);
      this.$nextTick(() => this.$refs.cancel?.focus());
    },
    /** The pace of the last three seconds: what a person sees now, not an average since the start. */
    count(marks, loaded) {
      const now = performance.now();
      marks.push([now, loaded]);
      while (marks.length > 2 && now - marks[0][0] > 3000) marks.shift();
      const [then, before] = marks[0];
      this.sent = loaded;
      if (now - then > 200) this.speed = ((loaded - before) / (now - then)) * 1000;
    },
    answered(request) {
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // A proxy may answer with a page of its own; the sentence below stands for it.
      }
      if (request.status === 201 && body) {
        Object.assign(this, { state: "done", result: body });
        this.$emit("done", { id: body.id, bytes: body.bytes, sha256: body.sha256, name: body.name });
      } else if (body?.code === "LOCKED") {
        unlocked().then((open) => (open ? this.send() : this.fail(body.message, true)));
      } else if (request.status === 401) {
        location.assign(
          `${window.path_prefix || ""}/login?next=${encodeURIComponent(location.pathname + location.search)}`,
        );
      } else {
        const tooLarge =
          request.status === 413 ? `This file is too large; at most ${mb(this.maxBytes)} can be sent.` : "";
        this.fail(
          body?.message || tooLarge || "The file was not accepted. Try again in a moment.",
          request.status !== 413,
        );
      }
    },
    reset() {
      Object.assign(this, { state: "idle", file: null, result: null, wrong: "" });
      this.$nextTick(() => this.$refs.input.focus());
    },
    picker() {
      const take = (event) => {
        this.choose(event.target.files);
        event.target.value = "";
      };
      return h("label", { class: "qd-button qd-main qd-pick" }, [
        "Choose a file",
        h("input", { ref: "input", type: "file", "aria-label": "File", onChange: take }),
      ]);
    },
    idle() {
      return [
        h("p", [h("strong", "Drop a file here"), " or "]),
        this.picker(),
        h("p", { class: "qd-note" }, `${this.note} At most ${mb(this.maxBytes)}.`),
      ];
    },
    failed() {
      const again = this.again
        ? h("button", { type: "button", ref: "again", class: "qd-button qd-main", onClick: this.send }, "Try again")
        : null;
      return [
        h("p", { class: "qd-wrong", role: "alert" }, [h("strong", this.file.name), h("span", this.wrong)]),
        h("div", { class: "qd-buttons" }, [again, this.picker()]),
      ];
    },
    sending() {
      return [
        h("p", [h("strong", this.file.name)]),
        h(
          "div",
          {
            class: "qd-track",
            role: "progressbar",
            "aria-label": "Upload",
            "aria-valuemin": 0,
            "aria-valuemax": 100,
            "aria-valuenow": this.percent,
            "aria-valuetext": `${this.percent} %`,
          },
          [h("i", { style: { width: `${this.percent}%` } })],
        ),
        h("p", { class: "qd-note" }, [h("b", `${this.percent} %`), ` · ${this.progress}`]),
        h(
          "button",
          { type: "button", ref: "cancel", class: "qd-button", onClick: () => this.request.abort() },
          "Cancel",
        ),
      ];
    },
    done() {
      const { name, bytes, sha256 } = this.result;
      return [
        h("p", { role: "status" }, [h("span", { class: "qd-status qd-ok" }, "Received"), " ", h("strong", name)]),
        h("p", { class: "qd-note", title: `SHA-256 ${sha256}` }, [
          `${mb(bytes)} · ${Number(bytes).toLocaleString("en")} bytes · sha256 `,
          h("code", sha256.slice(0, 12)),
        ]),
        h("button", { type: "button", class: "qd-button", onClick: this.reset }, "Choose another file"),
      ];
    },
  },
  render() {
    const over = (now) => (event) => {
      event.preventDefault();
      this.over = now && this.state !== "sending";
    };
    const drop = (event) => {
      event.preventDefault();
      this.over = false;
      this.choose(event.dataTransfer.files);
    };
    return h(
      "div",
      {
        class: ["qd-drop", `qd-is-${this.state}`, { "qd-hover": this.over }],
        onDragenter: over(true),
        onDragover: over(true),
        onDragleave: over(false),
        onDrop: drop,
      },
      this[this.state](),
    );
  },
};
