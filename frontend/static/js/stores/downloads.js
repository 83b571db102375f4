import Alpine from "../../vendor/alpine-csp.js";
import { formatBytes, formatCount } from "../lib/format.js";

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

  /** One total for everything that is being downloaded: `7.4 GB of 29.3 GB · 60.0 MB/s`. */
  get total() {
    const known = this.active.filter((row) => row.bytes);
    const received = known.reduce((sum, row) => sum + row.received, 0);
    const bytes = known.reduce((sum, row) => sum + row.bytes, 0);
    return `${formatBytes(received)} of ${formatBytes(bytes)} · ${formatBytes(this.speed)}/s`;
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
