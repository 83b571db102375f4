import { formatBytes, formatCount } from "../lib/format.js";

/** The files behind a URL: how many are selected, their total size, and whether they fit on the disk. */
export const filePicker = () => ({
  files: 0,
  bytes: 0,
  needsTrust: false,

  get boxes() {
    return [...this.$root.querySelectorAll("[name=pick]")];
  },
  get isEmpty() {
    return this.files === 0;
  },
  get isTooLarge() {
    return this.bytes > Number(this.$root.querySelector("[data-free]").dataset.free);
  },
  get label() {
    if (this.isEmpty) return "Download";
    const size = this.bytes ? `, ${formatBytes(this.bytes)}` : "";
    return `Download ${formatCount(this.files, "file")}${size}`;
  },

  count() {
    const selected = this.boxes.filter((box) => box.checked);
    this.files = selected.length;
    this.bytes = selected.reduce((sum, box) => sum + Number(box.dataset.bytes), 0);
    this.needsTrust = selected.some((box) => box.dataset.format === "pickle");
  },
  selectModels() {
    this.select((box) => box.dataset.format !== "other");
  },
  selectNone() {
    this.select(() => false);
  },
  select(isSelected) {
    for (const box of this.boxes) box.checked = isSelected(box);
    this.count();
  },
  setFolders(event) {
    if (!event.target.value) return;
    for (const select of this.$root.querySelectorAll("[data-folder]")) select.value = event.target.value;
  },
});
