/** The selected tiles, by path, and the bar with what can be done with them. */
export class Selection {
  constructor(gallery, bar) {
    this.gallery = gallery;
    this.bar = bar;
    this.chosen = new Set();
    this.anchor = null;
    bar.addEventListener("click", (event) => this.act(event.target.closest("[data-action]")?.dataset.action));
  }

  get isActive() {
    return this.chosen.size > 0;
  }
  get paths() {
    return [...this.chosen];
  }

  act(action) {
    if (action === "zip") this.gallery.download(this.paths);
    else if (action === "trash") this.gallery.trash(this.paths);
    else if (action === "clear") this.clear();
  }

  /** Select a tile or take it out; with `range`, all tiles from the last one to this one are selected. */
  toggle(tile, { range }) {
    const from = range && this.anchor && this.gallery.tileOf(this.anchor);
    if (from) {
      const tiles = this.gallery.tiles;
      const [first, last] = [tiles.indexOf(from), tiles.indexOf(tile)].sort((a, b) => a - b);
      for (const each of tiles.slice(first, last + 1)) this.chosen.add(each.dataset.path);
    } else if (!this.chosen.delete(tile.dataset.path)) {
      this.chosen.add(tile.dataset.path);
    }
    this.anchor = tile.dataset.path;
    this.apply();
  }

  toggleAll(tiles) {
    const paths = tiles.map((tile) => tile.dataset.path);
    const isAll = paths.every((path) => this.chosen.has(path));
    for (const path of paths) isAll ? this.chosen.delete(path) : this.chosen.add(path);
    this.apply();
  }

  addAll(tiles) {
    for (const tile of tiles) this.chosen.add(tile.dataset.path);
    this.apply();
  }

  /** Take out what is no longer on the page. */
  forgetMissing() {
    const shown = new Set(this.gallery.tiles.map((tile) => tile.dataset.path));
    for (const path of this.paths) if (!shown.has(path)) this.chosen.delete(path);
    this.apply();
  }

  clear() {
    this.chosen.clear();
    this.apply();
  }

  /** Show the selection on the tiles, those that were loaded meanwhile included. */
  apply() {
    this.gallery.root.classList.toggle("selecting", this.isActive);
    this.bar.hidden = !this.isActive;
    this.bar.querySelector("[data-count]").textContent = `${this.chosen.size} selected`;
    for (const tile of this.gallery.tiles) {
      const isChosen = this.chosen.has(tile.dataset.path);
      tile.classList.toggle("tile-selected", isChosen);
      tile.querySelector("input").checked = isChosen;
    }
  }
}
