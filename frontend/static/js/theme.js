// Runs before the first paint, so that the page never flashes in another theme. A classic script: modules run later.
{
  const preferredTheme = () => {
    if (matchMedia("(prefers-contrast: more)").matches) return "contrast";
    return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  };
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? preferredTheme();
}
