import htmx from "../../vendor/htmx.js";

const PAUSE = 150; // milliseconds in which several clicks become one request

/** The presets that are selected in the catalogue. They stay selected while the list is searched and grows. */
export const presetSelection = () => ({
  ids: new Set(),

  init() {
    this.restore = () => this.check();
    document.addEventListener("htmx:after:swap", this.restore);
  },
  destroy() {
    document.removeEventListener("htmx:after:swap", this.restore);
  },

  select({ target }) {
    if (!target.matches("[data-preset]")) return;
    if (target.checked) this.ids.add(target.dataset.preset);
    else this.ids.delete(target.dataset.preset);
    this.show();
  },
  clear() {
    this.ids.clear();
    this.check();
    this.show();
  },

  /** The server renders no box as checked. */
  check() {
    for (const box of this.$root.querySelectorAll("[data-preset]")) box.checked = this.ids.has(box.dataset.preset);
  },
  show() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const query = new URLSearchParams([...this.ids].map((id) => ["id", id]));
      htmx.ajax("GET", `/presets/selection?${query}`, { target: "#selection", swap: "innerMorph" });
    }, PAUSE);
  },

  /** Uncover the second picture of a card up to the pointer. */
  compare({ target, clientX }) {
    const picture = target.closest(".preset-card")?.querySelector(".preset-pair");
    if (!picture) return;
    const { left, width } = picture.getBoundingClientRect();
    picture.style.setProperty("--split", `${(100 * (clientX - left)) / width}%`);
  },
});
