import { formatDuration } from "../lib/format.js";

/** Counts down to the next attempt of a transfer. */
export const retryCountdown = () => ({
  now: Date.now(),

  init() {
    this.timer = setInterval(() => {
      this.now = Date.now();
    }, 1000);
  },
  destroy() {
    clearInterval(this.timer);
  },

  get text() {
    const seconds = Math.ceil((new Date(this.$root.dataset.at) - this.now) / 1000);
    return seconds > 0 ? `Retries in ${formatDuration(seconds)}.` : "Retrying now.";
  },
});
