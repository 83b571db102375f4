import Alpine from "../../vendor/alpine-csp.js";

const MAX_TOASTS = 4;
const VISIBLE_MS = 6000;

let nextId = 1;

/** The messages in the corner of the page, oldest first. Errors stay until the user dismisses them. */
export const toasts = Alpine.reactive({
  list: [],

  show(kind, message) {
    const id = nextId++;
    const others = this.list.filter((toast) => toast.message !== message);
    this.list = [...others, { id, kind, message }].slice(-MAX_TOASTS);
    if (kind !== "error") setTimeout(() => this.dismiss(id), VISIBLE_MS);
  },

  dismiss(id) {
    this.list = this.list.filter((toast) => toast.id !== id);
  },
});
