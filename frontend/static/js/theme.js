// Runs before the first paint, so that a chosen theme never flashes.
const wanted = localStorage.getItem("theme");
const lighter = matchMedia("(prefers-color-scheme: light)").matches;
const contrast = matchMedia("(prefers-contrast: more)").matches;
document.documentElement.dataset.theme = wanted ?? (contrast ? "contrast" : lighter ? "light" : "dark");
