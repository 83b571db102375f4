// Numbers for people, the same way the server writes them.
window.human = {
  bytes(count) {
    if (count === null || count === undefined) return "–";
    let size = count;
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (Math.abs(size) < 1000) return unit === "B" ? `${Math.round(size)} B` : `${size.toFixed(1)} ${unit}`;
      size /= 1000;
    }
    return `${size.toFixed(2)} TB`;
  },

  duration(seconds) {
    if (seconds === null || seconds === undefined) return "";
    return `${this.span(Math.max(1, Math.round(seconds)))} left`;
  },

  // Whole seconds.
  span(seconds) {
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  },
};
