// Draws nothing; tells whether anybody can see this tab.
import { h } from "vue";

export default {
  emits: ["hidden"],
  methods: {
    tell() {
      this.$emit("hidden", document.hidden);
    },
  },
  mounted() {
    document.addEventListener("visibilitychange", this.tell);
    if (document.hidden) this.tell();
  },
  beforeUnmount() {
    document.removeEventListener("visibilitychange", this.tell);
  },
  render() {
    return h("span", { hidden: true });
  },
};
