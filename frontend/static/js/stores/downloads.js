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

  get summary() {
    const active = Object.values(this.rows).filter((row) => ACTIVE.includes(row.state));
    if (active.length === 0) return "";
    const speed = active.reduce((sum, row) => sum + (row.speed ?? 0), 0);
    return `${formatCount(active.length, "download")} · ${formatBytes(speed)}/s`;
  },
});
