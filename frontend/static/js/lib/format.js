// Formats figures the way the server does (backend/core/formatting.py).
const UNITS = [
  { unit: "kilobyte", size: 1e3 },
  { unit: "megabyte", size: 1e6 },
  { unit: "gigabyte", size: 1e9 },
  { unit: "terabyte", size: 1e12 },
  { unit: "petabyte", size: 1e15 },
].map(({ unit, size }) => ({
  size,
  format: new Intl.NumberFormat("en", {
    style: "unit",
    unit,
    useGrouping: false,
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  }),
}));

/** Return `1.5 kB` for 1536, in decimal units, and a dash when the size is unknown. */
export function formatBytes(count) {
  if (count === null || count === undefined) return "–";
  const unit = UNITS.findLast(({ size }) => count >= size);
  return unit ? unit.format.format(count / unit.size) : `${Math.round(count)} B`;
}

/** Return `7.4 of 29.3 GB`, or `900.0 MB of 29.3 GB`. */
export function formatAmount(done, total) {
  const [number, unit] = formatBytes(done).split(" ");
  const whole = formatBytes(total);
  return whole.endsWith(` ${unit}`) ? `${number} of ${whole}` : `${formatBytes(done)} of ${whole}`;
}

/** Return `4 min 10 s` for 250 whole seconds. */
export function formatDuration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** Return `1 file` or `3 files`. */
export function formatCount(count, singular) {
  return `${count} ${count === 1 ? singular : `${singular}s`}`;
}

const DAY = 86_400;

/** Return `2 min 5 s left`, or nothing while it is unknown. An estimate of many hours is no more than a guess. */
export function formatTimeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds > DAY) return "more than a day left";
  return `${formatDuration(Math.max(1, Math.round(seconds)))} left`;
}
