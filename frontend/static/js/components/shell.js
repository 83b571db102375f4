import { toasts as store } from "../stores/toasts.js";

const TONES = { info: "toast-info", error: "toast-error" };

/** The choice of a theme. theme.js applies it, in every open tab. */
export const theme = () => ({
  chosen: document.documentElement.dataset.chosenTheme,

  choose() {
    localStorage.setItem("theme", this.chosen);
    document.dispatchEvent(new CustomEvent("theme-chosen"));
  },
  follow() {
    this.chosen = document.documentElement.dataset.chosenTheme;
  },
});

export const toasts = () => ({
  get list() {
    return store.list;
  },
  dismiss(id) {
    store.dismiss(id);
  },
  act(toast) {
    store.act(toast);
  },
  isError(toast) {
    return toast.kind === "error";
  },
  toneOf(toast) {
    return TONES[toast.kind] ?? "";
  },
  labelOf(toast) {
    return toast.action?.label ?? "";
  },
});
