export const theme = () => ({
  chosen: document.documentElement.dataset.theme,

  choose() {
    document.documentElement.dataset.theme = this.chosen;
    localStorage.setItem("theme", this.chosen);
  },
});
