// Where a screen stands. Its parts ask the browser for the address, so that is set before any of them exists.

import { arrive, comeBack } from "quarterdeck/places.js";

export default {
  props: { address: String, navigates: Boolean },
  template: "<div><slot></slot></div>",
  watch: {
    address() {
      arrive(this.address, this.navigates);
    },
  },
  created() {
    arrive(this.address, this.navigates);
    if (this.navigates) window.scrollTo(0, 0);
  },
  mounted() {
    comeBack();
  },
};
