import { formatCount, formatDuration } from "../lib/format.js";

const RANGE = /^\s*(-?\d+)\.\.(-?\d+)\s*$/;

/** The form of a new job: how many jobs it makes, how long they will take and what that costs. */
export const newJob = () => ({
  jobs: 1,
  uploads: 0,

  init() {
    this.count();
  },

  get label() {
    return this.jobs === 1 ? "Run" : `Run ${formatCount(this.jobs, "job")}`;
  },
  get isBusy() {
    return this.uploads > 0;
  },
  get seconds() {
    return Number(this.$root.dataset.expected) * this.jobs;
  },
  get time() {
    return this.seconds
      ? `About ${formatDuration(Math.max(1, Math.round(this.seconds)))}`
      : "Unknown before the first run";
  },
  get cost() {
    const { price, currency } = this.$root.dataset;
    return this.seconds ? `About ${formatMoney((Number(price) * this.seconds) / 3600, currency)}` : "Unknown";
  },

  startUpload() {
    this.uploads += 1;
  },
  endUpload() {
    this.uploads -= 1;
  },

  count() {
    const values = [...this.$root.querySelectorAll("[data-values]")];
    const axes = [...this.$root.querySelectorAll("[data-axis]")];
    const sizes = axes.map((axis, number) => (axis.value ? sizeOf(values[number].value) : 1));
    this.jobs = sizes.reduce((product, size) => product * size, Number(this.$refs.runs.value) || 1);
  },
});

function formatMoney(amount, currency) {
  const digits = amount < 1 ? 3 : 2;
  return amount.toLocaleString("en", { style: "currency", currency, maximumFractionDigits: digits });
}

/** Return how many values a text has: those of a range, or one a line. */
function sizeOf(text) {
  const range = RANGE.exec(text);
  if (range) return Math.abs(Number(range[2]) - Number(range[1])) + 1;
  return text.split("\n").filter((line) => line.trim()).length || 1;
}
