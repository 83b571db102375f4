import htmx from "../../vendor/htmx.js";
import { formatAmount, formatBytes, formatTimeLeft } from "../lib/format.js";
import { placeOf, rowOrder } from "../lib/row-order.js";
import { downloads } from "../stores/downloads.js";

const SECONDS = 120;
const HEIGHT = 30;

/** The queue of downloads, which a user orders. */
export const downloadQueue = () => rowOrder(place);

/** Tell the server between which downloads a row is now. */
function place(row) {
  htmx.ajax("POST", `/downloads/${row.dataset.id}/place`, { values: placeOf(row), swap: "none" });
}

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

/** The schedule of speed limits. New rows are copies of the empty row that the server rendered. */
export const schedule = () => ({
  add() {
    const row = this.$refs.blank.content.firstElementChild.cloneNode(true);
    this.$refs.rows.append(row);
    row.querySelector("input").focus();
  },
  remove(button) {
    button.closest("li").remove();
  },
});
