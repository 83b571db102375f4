import { formatAmount, formatBytes, formatCount, formatDuration, formatTimeLeft } from "../lib/format.js";
import { downloads } from "../stores/downloads.js";

/** Progress of one transfer. What the server rendered stays until the socket sends newer figures. */
export const transfer = () => ({
  get row() {
    return downloads.rows[this.$root.dataset.id];
  },
  /** Bytes received; while the file is verified, bytes checked. */
  get done() {
    if (!this.row) return Number(this.$root.dataset.done);
    return this.row.state === "verifying" ? this.row.checked : this.row.received;
  },
  get size() {
    return this.row ? this.row.bytes : Number(this.$root.dataset.total) || null;
  },
  get max() {
    return this.size || 1;
  },
  get value() {
    return this.size ? this.done : 0;
  },
  get amount() {
    if (!this.size) return formatBytes(this.done);
    const percent = Math.floor((100 * this.done) / this.size);
    return `${percent} % · ${formatAmount(this.done, this.size)}`;
  },
  get rate() {
    if (this.row?.state === "verifying") return "checked";
    if (this.row?.state !== "running") return "";
    const { speed, connections } = this.row;
    if (!connections && !speed) return "waiting for a connection";
    const parts = [
      connections && formatCount(connections, "connection"),
      speed && `${formatBytes(speed)}/s`,
      formatTimeLeft(this.row.seconds_left),
    ];
    return parts.filter(Boolean).join(" · ");
  },
});

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
