import { formatDuration } from "../lib/format.js";
import { jobs } from "../stores/jobs.js";

/** A running job: the node that runs, its steps, the newest preview, and the time left as far as earlier runs tell. */
export const runningJob = () => ({
  now: Date.now(),
  titles: {},

  init() {
    this.titles = JSON.parse(this.$root.dataset.titles);
    this.timer = setInterval(() => {
      if (!document.hidden) this.now = Date.now();
    }, 1000);
  },
  destroy() {
    clearInterval(this.timer);
  },

  get id() {
    return this.$root.dataset.id;
  },
  get progress() {
    return jobs.progress[this.id];
  },
  get node() {
    const running = this.progress?.running ?? [];
    if (running.length === 0) return this.progress ? "Between two nodes …" : "Starting …";
    return running.map((node) => this.titles[node] ?? this.titles[node.split(":")[0]] ?? node).join(", ");
  },
  get steps() {
    return this.progress?.maximum > 1 ? `${this.progress.value} of ${this.progress.maximum}` : "";
  },
  get maximum() {
    return this.progress?.maximum || 1;
  },
  get value() {
    return this.progress?.value ?? 0;
  },
  get nodes() {
    const total = Object.keys(this.titles).length;
    return this.progress ? `${this.progress.nodes_done} of ${total} nodes` : `${total} nodes`;
  },
  get timeLeft() {
    const elapsed = Math.max(0, Math.round((this.now - new Date(this.$root.dataset.started)) / 1000));
    const left = Math.round(Number(this.$root.dataset.expected) - elapsed);
    const spent = `${formatDuration(elapsed)} so far`;
    return left > 0 ? `${spent} · about ${formatDuration(left)} left` : spent;
  },
  get hasPreview() {
    return this.id in jobs.previews;
  },
  get preview() {
    return this.hasPreview ? `/api/jobs/${this.id}/preview?n=${jobs.previews[this.id]}` : null;
  },
});
