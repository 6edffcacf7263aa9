// A form, alone or in a native dialog. What is typed stays here until it is sent.
import { h } from "vue";

export default {
  props: { data: String },
  emits: ["submit", "close"],
  data: () => ({ values: {}, busy: false }),
  computed: { d() { return Vue.markRaw(JSON.parse(this.data)); } },
  watch: {
    "d.stamp"() {
      this.busy = false;
      this.$nextTick(() => this.$el.querySelector("[aria-invalid=true]")?.focus());
    },
  },
  created() {
    for (const f of this.d.fields) this.values[f.name] = f.value || (f.kind === "choice" && f.required ? f.choices[0]?.[0] ?? "" : "");
    for (const c of this.d.conflict ?? []) this.values[c.name] = "";
  },
  mounted() {
    if (!this.d.dialog) return;
    this.opener = document.activeElement;
    this.$el.showModal();
    this.$el.querySelector("input,textarea,select,.go")?.focus();
  },
  beforeUnmount() {
    if (!this.d.dialog) return;
    if (this.$el.open) this.$el.close();
    if (this.opener?.isConnected) this.opener.focus();
  },
  methods: {
    ready() {
      return this.d.fields.every((f) => (!f.required || String(this.values[f.name]).trim()) && (!f.must_equal || this.values[f.name] === f.must_equal))
        && (this.d.conflict ?? []).every((c) => this.values[c.name]);
    },
    send(event) {
      event.preventDefault();
      if (this.busy || !this.ready()) return;
      this.busy = true;
      this.$emit("submit", { ...this.values });
    },
    field(f) {
      const id = `f-${this.$.uid}-${f.name}`, error = this.d.errors[f.name];
      const common = {
        id, name: f.name, required: f.required, value: this.values[f.name], autocomplete: "off", maxlength: f.max_length, "aria-invalid": String(!!error),
        "aria-describedby": error || f.hint ? `${id}-hint` : null, onInput: (e) => { this.values[f.name] = e.target.value; },
        onKeydown: (e) => { if (e.key === "Enter" && (e.metaKey || e.ctrlKey)) this.send(e); },
      };
      const input = f.kind === "long" ? h("textarea", { ...common, rows: 3 })
        : f.kind === "choice" ? h("select", common, [f.required ? null : h("option", { value: "" }, ""), ...f.choices.map(([v, w]) => h("option", { value: v }, w))])
          : h("input", { ...common, type: "text", inputmode: f.kind === "number" ? "decimal" : null });
      return h("div", { class: "field", key: f.name }, [
        h("label", { for: id }, [f.label, f.required ? null : h("span", { class: "mut" }, " (optional)")]), input,
        error ? h("p", { class: "wrong", id: `${id}-hint` }, error) : f.hint ? h("p", { class: "hint", id: `${id}-hint` }, f.hint) : null]);
    },
    choice(c) {
      const option = (value, label, text) => h("label", { class: ["side", this.values[c.name] === value && "on"] }, [
        h("input", { type: "radio", name: `conflict-${c.name}`, value, checked: this.values[c.name] === value, onChange: () => { this.values[c.name] = value; } }),
        h("span", { class: "mut" }, label), h("code", null, text)]);
      return h("fieldset", { class: "conflict", key: c.name }, [
        h("legend", null, [c.label, h("span", { class: "mut" }, ["  was ", h("code", null, c.original)])]),
        h("div", { class: "sides" }, [option("mine", "Keep mine", c.yours), option("theirs", "Take theirs", c.theirs)])]);
    },
  },
  render() {
    const d = this.d, inside = [
      ...(d.plan?.length ? [d.plan.length === 1 ? h("p", { class: "plan" }, d.plan[0]) : h("ul", { class: "plan" }, d.plan.map((line) => h("li", null, line)))] : []),
      ...(d.conflict ?? []).map(this.choice), ...d.fields.map(this.field),
      d.errors[""] ? h("p", { class: "wrong", role: "alert" }, d.errors[""]) : null,
    ];
    const submit = h("button", { type: "submit", class: ["btn", d.danger ? "danger-go" : "go"], disabled: this.busy || !this.ready() }, this.busy ? "Working …" : d.submit);
    if (!d.dialog) return h("form", { class: "form", "aria-label": d.label || null, onSubmit: this.send, novalidate: true }, [...inside, h("div", { class: "row" }, [submit])]);
    return h("dialog", { class: "ask", "aria-label": d.label, onCancel: (e) => { e.preventDefault(); this.$emit("close"); }, onClose: () => this.$emit("close") }, [
      h("form", { method: "dialog", onSubmit: this.send, novalidate: true }, [h("h2", null, d.label), ...inside,
        h("div", { class: "row end" }, [h("button", { type: "button", class: "btn", onClick: () => this.$emit("close") }, "Close"), submit])])]);
  },
};
