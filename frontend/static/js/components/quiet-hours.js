import { offerZones } from "../lib/time-zones.js";

/** The fields of quiet hours, shown while they are on. */
export const quietHours = () => ({
  isOn: false,

  init() {
    offerZones(this.$refs.zone, this.$refs.zones);
    this.update();
  },
  update() {
    this.isOn = this.$refs.on.checked;
  },
});
