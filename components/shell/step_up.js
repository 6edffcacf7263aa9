// The question who somebody is. What is typed goes to the server by a request of its own, never over the live wire.
import { h } from "vue";

const OFFLINE = "The server does not answer. Check your connection, then try again.";

export default {
  props: { data: String },
  emits: ["proved", "close"],
  data: () => ({ busy: false, wrong: "", code: false }),
  computed: {
    d() {
      return JSON.parse(this.data);
    },
  },
  mounted() {
    this.opener = document.activeElement;
    this.$el.showModal();
    this.$refs.secret.focus();
    this.learn();
  },
  beforeUnmount() {
    if (this.$el.open) this.$el.close();
    if (this.opener?.isConnected) this.opener.focus();
    window.dispatchEvent(new CustomEvent("qd-proved", { detail: !!this.proved }));
  },
  methods: {
    address() {
      return `${window.path_prefix || ""}${this.d.action}`;
    },
    /** Whether a code does as well: the words say so when the answer is there. */
    async learn() {
      const answer = await fetch(this.address(), { headers: { accept: "application/json" } }).catch(() => null);
      if (answer?.ok) this.code = (await answer.json()).code;
    },
    async send(event) {
      event.preventDefault();
      if (this.busy) return;
      this.busy = true;
      this.wrong = "";
      const answer = await fetch(this.address(), {
        method: "POST",
        headers: { accept: "application/json" },
        body: new URLSearchParams(new FormData(event.target)),
      }).catch(() => null);
      if (answer?.status === 204) return this.done();
      const said = await answer?.json().catch(() => null);
      if (said?.code === "UNAUTHORIZED")
        return location.assign(
          `${window.path_prefix || ""}/login?next=${encodeURIComponent(location.pathname + location.search)}`,
        );
      this.busy = false;
      this.wrong = said?.message || OFFLINE;
      return this.$nextTick(() => this.$refs.secret?.select());
    },
    done() {
      this.proved = true;
      this.$emit("proved");
    },
    close() {
      if (!this.proved) this.$emit("close");
    },
  },
  render() {
    const d = this.d,
      id = (part) => `step-up-${this.$.uid}-${part}`,
      hint = this.code && !this.wrong;
    return h(
      "dialog",
      {
        class: "ask step-up",
        "aria-labelledby": id("title"),
        "aria-describedby": id("why"),
        onCancel: (e) => {
          e.preventDefault();
          this.close();
        },
        onClose: this.close,
      },
      [
        h("form", { method: "post", action: d.action, onSubmit: this.send }, [
          h("h2", { id: id("title") }, d.locked ? "Locked" : "Is it you?"),
          h(
            "p",
            { class: "plan", id: id("why") },
            d.locked
              ? "Nobody did anything here for hours. Prove that it is you, and go on: nothing on this page is lost."
              : "What you are about to do is dangerous. Prove that it is you; it counts for ten minutes.",
          ),
          h("input", {
            class: "unseen",
            type: "text",
            tabindex: -1,
            readonly: true,
            "aria-hidden": "true",
            autocomplete: "username",
            value: d.username,
          }),
          h("div", { class: "field" }, [
            h("label", { for: id("secret") }, this.code ? "Password or code" : "Password"),
            h("input", {
              ref: "secret",
              id: id("secret"),
              name: "secret",
              type: "password",
              required: true,
              maxlength: 1024,
              autocomplete: "current-password",
              "aria-invalid": String(!!this.wrong),
              "aria-describedby": this.wrong || hint ? id("said") : null,
            }),
            this.wrong ? h("p", { class: "wrong", id: id("said"), role: "alert" }, this.wrong) : null,
            hint
              ? h("p", { class: "hint", id: id("said") }, "Or the six digits that your authenticator app shows.")
              : null,
          ]),
          h("div", { class: "row end" }, [
            h("button", { type: "button", class: "btn", onClick: this.close }, "Close"),
            h(
              "button",
              { type: "submit", class: "btn go", disabled: this.busy },
              this.busy ? "Checking …" : d.locked ? "Unlock" : "Go on",
            ),
          ]),
        ]),
      ],
    );
  },
};
