import Alpine from "../../vendor/alpine-csp.js";

/** How many jobs are in each state, and how far the running ones are, as the server last reported it. */
export const jobs = Alpine.reactive({
  paused: false,
  counts: {},
  progress: {},
  previews: {},

  apply(frame) {
    if (frame.type === "progress") this.progress[frame.job_id] = frame;
    if (frame.type === "preview") this.previews[frame.job_id] = frame.number;
    if (frame.counts) Object.assign(this, { counts: frame.counts, paused: frame.paused });
    if (frame.type === "snapshot") this.start(frame.progress);
    if (frame.type === "changed") this.change(frame.job);
    if (frame.type === "queue") announce("jobs-changed", "all-jobs-changed");
  },

  /** Begin anew after a reconnection: what happened in between is unknown. */
  start(progress) {
    this.progress = Object.fromEntries(progress.map((row) => [row.job_id, row]));
    this.previews = {};
    announce("jobs-changed", "all-jobs-changed");
  },

  change(job) {
    if (job.state !== "running") {
      delete this.progress[job.id];
      delete this.previews[job.id];
    }
    announce("jobs-changed", `job-${job.id}-changed`, `batch-${job.batch_id}-changed`);
  },

  /** Jobs that run or will run, for the navigation. */
  get unfinished() {
    return ["running", "queued", "waiting"].reduce((sum, state) => sum + (this.counts[state] ?? 0), 0);
  },
  get hasUnfinished() {
    return this.unfinished > 0;
  },
  get badge() {
    return this.unfinished > 999 ? "999+" : String(this.unfinished);
  },
});

// Pages listen to `jobs-changed` for lists, to `job-ID-changed` and `batch-ID-changed` for
// one of them, and to `all-jobs-changed` after which anything may be another.
function announce(...names) {
  for (const name of names) document.body.dispatchEvent(new CustomEvent(name));
}
