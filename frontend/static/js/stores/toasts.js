import Alpine from "../../vendor/alpine-csp.js";

const MAX_TOASTS = 4;
const VISIBLE_MS = 6000;

let nextId = 1;

/**
 * The messages in the corner of the page, oldest first. Errors stay until the user dismisses them. An action, such as
 * Undo, is an address that is posted to; it disappears after `action.seconds`, when it would come too late.
 */
export const toasts = Alpine.reactive({
  list: [],

  show(kind, message, action = null) {
    const id = nextId++;
    const others = this.list.filter((toast) => toast.message !== message);
    this.list = [...others, { id, kind, message, action }].slice(-MAX_TOASTS);
    if (kind !== "error") setTimeout(() => this.dismiss(id), action ? action.seconds * 1000 : VISIBLE_MS);
  },

  async act({ id, action }) {
    this.dismiss(id);
    document.dispatchEvent(new CustomEvent("toast-action", { detail: action }));
  },

  dismiss(id) {
    this.list = this.list.filter((toast) => toast.id !== id);
  },
});
