import { formatDuration } from "../lib/format.js";
import { toasts as store } from "../stores/toasts.js";

const HOUR = 3_600_000;
const STEP = 10_000;
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

/** The cost of the session: `$1.24 · 3 h 12 min`, counted on from the pod's start. Without a price only the time. */
export const sessionCost = () => ({
  text: "",

  init() {
    this.count();
    this.timer = setInterval(() => this.count(), STEP);
  },
  destroy() {
    clearInterval(this.timer);
  },
  count() {
    const { started, perHour, money } = this.$el.dataset;
    const milliseconds = Math.max(0, Date.now() - Date.parse(started));
    const time = formatDuration(Math.round(milliseconds / 1000));
    this.text = perHour ? `${priced((perHour * milliseconds) / HOUR, money)} · ${time}` : time;
  },
});

/** Put the amount into the server's spelling of nothing: `$0.00`. */
function priced(amount, money) {
  return money.replace("0.00", amount.toFixed(2));
}
