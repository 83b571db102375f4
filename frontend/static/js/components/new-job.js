import { formatCount, formatDuration } from "../lib/format.js";

const RANGE = /^\s*(-?\d+)\.\.(-?\d+)\s*$/;

/** The form of a new job: how many jobs it makes, and how long they will take. */
export const newJob = () => ({
  jobs: 1,

  init() {
    this.count();
  },

  get label() {
    return this.jobs === 1 ? "Run" : `Run ${formatCount(this.jobs, "job")}`;
  },
  get estimate() {
    const seconds = Number(this.$root.dataset.expected) * this.jobs;
    return seconds ? `About ${formatDuration(Math.max(1, Math.round(seconds)))} from earlier runs.` : "";
  },

  count() {
    const values = [...this.$root.querySelectorAll("[data-values]")];
    const axes = [...this.$root.querySelectorAll("[data-axis]")];
    const sizes = axes.map((axis, number) => (axis.value ? sizeOf(values[number].value) : 1));
    this.jobs = sizes.reduce((product, size) => product * size, Number(this.$refs.runs.value) || 1);
  },
});

/** Return how many values a text has: those of a range, or one a line. */
function sizeOf(text) {
  const range = RANGE.exec(text);
  if (range) return Math.abs(Number(range[2]) - Number(range[1])) + 1;
  return text.split("\n").filter((line) => line.trim()).length || 1;
}
