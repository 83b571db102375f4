// The panel that takes a workflow: dropped, chosen or pasted. What came last counts.
document.addEventListener("alpine:init", () => {
  Alpine.data("dropzone", () => ({
    over: false,
    get look() { return this.over ? "border-accent" : ""; },
    enter() { this.over = true; },
    leave() { this.over = false; },
    drop(event) {
      this.over = false;
      if (event.dataTransfer.files.length === 0) return;
      this.$refs.file.files = event.dataTransfer.files;
      this.$refs.file.dispatchEvent(new Event("change", { bubbles: true }));
    },
    chosen() { this.$refs.text.value = ""; },
    typed() { this.$refs.file.value = ""; },
  }));
});
