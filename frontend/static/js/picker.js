// The rows of a look at an address: how many are ticked, how large they are, and whether they fit.
document.addEventListener("alpine:init", () => {
  Alpine.data("picker", () => ({
    files: 0,
    bytes: 0,
    needsTrust: false,

    get boxes() { return [...this.$root.querySelectorAll("[name=pick]")]; },
    get nothing() { return this.files === 0; },
    get tooLarge() { return this.bytes > Number(this.$root.querySelector("[data-free]").dataset.free); },
    get label() {
      if (this.nothing) return "Download";
      const size = this.bytes ? `, ${human.bytes(this.bytes)}` : "";
      return `Download ${this.files} ${this.files === 1 ? "file" : "files"}${size}`;
    },

    count() {
      const ticked = this.boxes.filter((box) => box.checked);
      this.files = ticked.length;
      this.bytes = ticked.reduce((sum, box) => sum + Number(box.dataset.bytes), 0);
      this.needsTrust = ticked.some((box) => box.dataset.format === "pickle");
    },
    tickModels() { this.tick((box) => box.dataset.format !== "other"); },
    tickNone() { this.tick(() => false); },
    tick(wanted) {
      for (const box of this.boxes) box.checked = wanted(box);
      this.count();
    },
    putAllInto(event) {
      if (!event.target.value) return;
      for (const select of this.$root.querySelectorAll("[data-folder]")) select.value = event.target.value;
    },
  }));
});
