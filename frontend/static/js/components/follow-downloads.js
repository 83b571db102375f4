/** Refreshes an analysed workflow while its files download, until the user changes the form that was analysed. */
export const followDownloads = () => ({
  init() {
    const stop = () => this.$root.remove();
    document.getElementById("workflow").addEventListener("input", stop, { once: true });
  },
});
