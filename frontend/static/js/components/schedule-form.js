import { offerZones } from "../lib/time-zones.js";

/** The form of a schedule: usual times at a click, and the time zones that the browser knows. */
export const scheduleForm = () => ({
  uploads: 0,

  init() {
    offerZones(this.$refs.zone, this.$refs.zones);
  },

  get isBusy() {
    return this.uploads > 0;
  },

  choose(button) {
    this.$refs.cron.value = button.dataset.cron;
    this.$refs.cron.dispatchEvent(new Event("input", { bubbles: true }));
  },
  startUpload() {
    this.uploads += 1;
  },
  endUpload() {
    this.uploads -= 1;
  },
});
