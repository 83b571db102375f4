import { toasts as store } from "../stores/toasts.js";

export const toasts = () => ({
  get list() {
    return store.list;
  },
  dismiss(id) {
    store.dismiss(id);
  },
  isError(toast) {
    return toast.kind === "error";
  },
});
