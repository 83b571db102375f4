import htmx from "../../vendor/htmx.js";

const PAUSE = 150; // milliseconds in which several clicks become one request

/** The files that are selected in a list. They stay selected while the list is filtered and grows. */
export const fileSelection = () => ({
  paths: new Set(),

  init() {
    this.restore = () => this.check();
    document.addEventListener("htmx:after:swap", this.restore);
  },
  destroy() {
    document.removeEventListener("htmx:after:swap", this.restore);
  },

  get boxes() {
    return [...this.$root.querySelectorAll("[data-select]")];
  },
  select(event) {
    const { target } = event;
    if (!target.matches("[data-select]")) return;
    event.stopPropagation(); // it is no filter
    if (target.checked) this.paths.add(target.dataset.select);
    else this.paths.delete(target.dataset.select);
    this.show();
  },
  selectAll() {
    for (const box of this.boxes) this.paths.add(box.dataset.select);
    this.check();
    this.show();
  },
  clear() {
    this.paths.clear();
    this.check();
    this.show();
  },

  /** The server renders no box as checked. */
  check() {
    for (const box of this.boxes) box.checked = this.paths.has(box.dataset.select);
  },
  show() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { fields } = this.$refs;
      fields.replaceChildren(...[...this.paths].map(fieldOf));
      htmx.ajax("POST", "/storage/selected", { source: fields, target: "#selection", swap: "innerMorph" });
    }, PAUSE);
  },
});

function fieldOf(path) {
  return Object.assign(document.createElement("input"), { type: "hidden", name: "path", value: path });
}
