/** A form that takes one thing: a dropped file, a chosen file, pasted text or a URL. The latest input replaces the others. */
export const dropzone = () => ({
  isOver: false,

  get highlight() {
    return this.isOver ? "border-primary" : "";
  },
  enter() {
    this.isOver = true;
  },
  leave() {
    this.isOver = false;
  },
  drop(event) {
    this.isOver = false;
    if (event.dataTransfer.files.length === 0) return;
    this.$refs.file.files = event.dataTransfer.files;
    this.$refs.file.dispatchEvent(new Event("change", { bubbles: true }));
  },
  clearOthers(event) {
    for (const field of this.$root.elements) {
      if (field !== event.target && field.name) field.value = "";
    }
  },
});
