import Alpine from "../../vendor/alpine-csp.js";
import { formatAmount, formatBytes, formatCount, formatTimeLeft } from "../lib/format.js";

const ACTIVE = ["queued", "running", "verifying", "retrying"];

/** Every transfer by its id, as the server last reported it. */
export const downloads = Alpine.reactive({
  rows: {},

  apply(frame) {
    if (frame.type === "progress") {
      for (const row of frame.rows) this.applyProgress(row);
      return;
    }
    if (frame.type === "snapshot") this.rows = {};
    if (frame.type === "changed") this.rows[frame.transfer.id] = frame.transfer;
    for (const transfer of frame.transfers ?? []) this.rows[transfer.id] = transfer;
    document.body.dispatchEvent(new CustomEvent("transfers-changed"));
  },

  applyProgress([id, received, bytes, speed, seconds_left, checked, connections]) {
    const transfer = this.rows[id];
    if (transfer) Object.assign(transfer, { received, bytes, speed, seconds_left, checked, connections });
  },

  get active() {
    return Object.values(this.rows).filter((row) => ACTIVE.includes(row.state));
  },

  /** Bytes received and expected of everything that is being downloaded, as far as sizes are known. */
  get sums() {
    const known = this.active.filter((row) => row.bytes);
    const received = known.reduce((sum, row) => sum + row.received, 0);
    const bytes = known.reduce((sum, row) => sum + row.bytes, 0);
    return { received, bytes };
  },

  /** One total for everything that is being downloaded: `7.4 of 29.3 GB · 60.0 MB/s · 6 min 5 s left`. */
  get total() {
    const { received, bytes } = this.sums;
    const parts = [formatAmount(received, bytes), `${formatBytes(this.speed)}/s`, formatTimeLeft(this.secondsLeft)];
    return parts.filter(Boolean).join(" · ");
  },

  /** Whole percents, or null while nothing is being downloaded. */
  get percent() {
    const { received, bytes } = this.sums;
    return bytes ? Math.floor((100 * received) / bytes) : null;
  },

  /** From the averages of the running files, once the server has them; null before. */
  get secondsLeft() {
    return secondsLeftOf(this.active);
  },

  get speed() {
    return this.active.reduce((sum, row) => sum + (row.speed ?? 0), 0);
  },

  get summary() {
    const { active, speed } = this;
    if (active.length === 0) return "";
    return `${formatCount(active.length, "download")} · ${formatBytes(speed)}/s`;
  },
});

/** Return the time until all these transfers have arrived: those in the queue share the speed of the running ones. */
export function secondsLeftOf(rows) {
  const missing = rows.reduce((sum, row) => sum + Math.max(0, (row.bytes ?? 0) - row.received), 0);
  const average = rows
    .filter((row) => row.seconds_left)
    .reduce((sum, row) => sum + (row.bytes - row.received) / row.seconds_left, 0);
  return average && missing ? missing / average : null;
}
