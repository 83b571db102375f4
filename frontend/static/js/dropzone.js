// A form that takes one thing: dropped, chosen, pasted or named by its address. What came last counts.
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
    keepOnly(event) {
      for (const field of this.$root.elements) {
        if (field !== event.target && field.name) field.value = "";
      }
    },
  }));

  // Asks again as downloads go on, until the form holds something else than what the answer is about.
  Alpine.data("following", () => ({
    init() {
      const stop = () => this.$root.remove();
      document.getElementById("workflow").addEventListener("input", stop, { once: true });
    },
  }));
});
