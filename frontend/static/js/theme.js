// Runs before the first paint, so that the page never flashes in another theme. A classic script: modules run later.
{
  const root = document.documentElement;
  const prefersLight = matchMedia("(prefers-color-scheme: light)");
  const prefersContrast = matchMedia("(prefers-contrast: more)");
  const systemTheme = () => {
    if (prefersContrast.matches) return "contrast";
    return prefersLight.matches ? "light" : "dark";
  };
  const apply = () => {
    const chosen = localStorage.getItem("theme") ?? "dark";
    root.dataset.chosenTheme = chosen;
    root.dataset.theme = chosen === "system" ? systemTheme() : chosen;
    document.dispatchEvent(new CustomEvent("theme-changed"));
  };
  apply();
  document.addEventListener("theme-chosen", apply);
  addEventListener("storage", apply); // another tab has chosen
  for (const query of [prefersLight, prefersContrast]) query.addEventListener("change", apply);
}
