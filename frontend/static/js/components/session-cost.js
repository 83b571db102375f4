import { formatDuration } from "../lib/format.js";

const HOUR = 3_600_000;
const STEP = 10_000;

/** The cost of the session: `$1.24 · 3 h 12 min`, counted on from the pod's start. Without a price only the time. */
export const sessionCost = () => ({
  text: "",

  init() {
    this.count();
    this.timer = setInterval(() => this.count(), STEP);
  },
  destroy() {
    clearInterval(this.timer);
  },
  count() {
    const { started, perHour, money } = this.$el.dataset;
    const milliseconds = Math.max(0, Date.now() - Date.parse(started));
    const time = formatDuration(Math.round(milliseconds / 1000));
    this.text = perHour ? `${priced((perHour * milliseconds) / HOUR, money)} · ${time}` : time;
  },
});

/** Put the amount into the server's spelling of nothing: `$0.00`. */
function priced(amount, money) {
  return money.replace("0.00", amount.toFixed(2));
}
