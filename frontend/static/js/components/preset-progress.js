import { formatAmount, formatBytes } from "../lib/format.js";
import { downloads, secondsLeftOf } from "../stores/downloads.js";

const DAY = 86_400;

/** One total for all files of a preset: `7.4 of 29.3 GB · 60.0 MB/s · ready at 10:42`. */
export const presetProgress = () => ({
  get rows() {
    return this.$root.dataset.transfers.split(" ").map((id) => downloads.rows[id]);
  },
  get isKnown() {
    return this.rows.every(Boolean);
  },
  /** Bytes of the preset that are on disk. What the server rendered stays until the socket sends newer figures. */
  get done() {
    const before = Number(this.$root.dataset.before);
    if (!this.isKnown) return Number(this.$root.dataset.done);
    return before + this.rows.reduce((sum, row) => sum + row.received, 0);
  },
  get total() {
    return Number(this.$root.dataset.total);
  },
  get max() {
    return this.total || 1;
  },
  get value() {
    return Math.min(this.done, this.max);
  },
  get amount() {
    return this.total ? formatAmount(this.done, this.total) : formatBytes(this.done);
  },
  get details() {
    if (!this.isKnown) return "";
    const speed = this.rows.reduce((sum, row) => sum + (row.speed ?? 0), 0);
    if (this.rows.some((row) => row.state === "verifying") && !speed) return "· verifying";
    const parts = [speed && `${formatBytes(speed)}/s`, readyAt(this.rows)].filter(Boolean);
    return parts.map((part) => `· ${part}`).join(" ");
  },
});

function readyAt(rows) {
  const seconds = secondsLeftOf(rows);
  if (seconds === null) return "";
  if (seconds > DAY) return "ready in more than a day";
  const moment = new Date(Date.now() + seconds * 1000);
  return `ready at ${moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}`;
}
