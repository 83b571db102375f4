import { formatAmount, formatBytes, formatTimeLeft } from "../lib/format.js";
import { downloads } from "../stores/downloads.js";

const SECONDS = 120;
const HEIGHT = 30;

/** The speed of all downloads together over the last two minutes. Begins with what the server has measured. */
export const throughput = () => ({
  values: [],

  init() {
    this.values = JSON.parse(this.$root.dataset.values);
    this.timer = setInterval(() => {
      this.values = [...this.values, downloads.speed].slice(-SECONDS);
    }, 1000);
  },
  destroy() {
    clearInterval(this.timer);
  },

  get isShown() {
    return downloads.active.length > 0;
  },
  get peak() {
    return Math.max(...this.values, 1);
  },
  get line() {
    const first = SECONDS - this.values.length;
    return this.values
      .map((value, index) => `${first + index},${(HEIGHT - (HEIGHT * value) / this.peak).toFixed(1)}`)
      .join(" ");
  },
  get area() {
    return `${SECONDS - this.values.length},${HEIGHT} ${this.line} ${SECONDS - 1},${HEIGHT}`;
  },
  get speed() {
    return `${formatBytes(downloads.speed)}/s`;
  },
  get peakLabel() {
    return `Peak ${formatBytes(this.peak)}/s`;
  },
  get total() {
    const { received, bytes } = downloads.sums;
    return [formatAmount(received, bytes), formatTimeLeft(downloads.secondsLeft)].filter(Boolean).join(" · ");
  },
});
