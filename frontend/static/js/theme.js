// Runs before the first paint, so that the page never flashes in another theme. A classic script: modules run later.
{
  const chosen = localStorage.getItem("theme");
  const prefersLight = matchMedia("(prefers-color-scheme: light)").matches;
  const prefersContrast = matchMedia("(prefers-contrast: more)").matches;
  const preferred = prefersContrast ? "contrast" : prefersLight ? "light" : "dark";
  document.documentElement.dataset.theme = chosen ?? preferred;
}
