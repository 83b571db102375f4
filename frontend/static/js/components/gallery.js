import htmx from "../../vendor/htmx.js";
import { formatCount } from "../lib/format.js";
import { Lightbox } from "./lightbox.js";
import { Selection } from "./selection.js";

const MOST_SHOWN = 2000;
const LONG_PRESS = 450; // milliseconds

/** The tiles of /outputs: opens, selects and deletes them, and adds new ones by itself. */
export class Gallery {
  constructor() {
    this.root = document.getElementById("gallery");
    this.selection = new Selection(this, document.getElementById("selection"));
    this.lightbox = new Lightbox(this, document.getElementById("lightbox"));
    this.root.addEventListener("click", (event) => this.onClick(event));
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.root.addEventListener("pointerdown", (event) => this.onPress(event));
    for (const end of ["pointerup", "pointercancel", "pointermove", "scroll"]) {
      addEventListener(end, () => clearTimeout(this.pressing), { passive: true });
    }
    // htmx puts new tiles into the page when it is scrolled, and all tiles when filters change.
    document.addEventListener("htmx:after:swap", () => this.selection.apply());
    document.body.addEventListener("outputs-changed", () => this.update());
    document.getElementById("filters-button").addEventListener("click", ({ target }) => unfold(target));
  }

  get list() {
    return document.getElementById("tiles");
  }
  get tiles() {
    return [...this.list.querySelectorAll(".tile")];
  }

  tileOf(path) {
    return this.list.querySelector(`.tile[data-path="${CSS.escape(path)}"]`);
  }

  onClick(event) {
    const group = event.target.closest("[data-select-group]")?.closest("[data-group]").dataset.group;
    if (group !== undefined) {
      this.selection.toggleAll(this.tiles.filter((tile) => tile.dataset.group === group));
      return;
    }
    const tile = event.target.closest(".tile");
    if (!tile || event.ctrlKey || event.metaKey) return;
    const isCheck = event.target.closest(".tile-check") !== null;
    if (isCheck && !event.target.matches("input")) return; // the click on the label comes again, from the input
    if (isCheck || event.shiftKey || this.selection.isActive) {
      if (!isCheck) event.preventDefault();
      this.selection.toggle(tile, { range: event.shiftKey });
    } else if (event.target.closest(".tile-link")) {
      event.preventDefault();
      if (!this.pressed) this.lightbox.open(tile);
    }
    this.pressed = false;
  }

  // A long press on a touch screen selects, as in every gallery of a phone.
  onPress(event) {
    const tile = event.target.closest(".tile");
    this.pressed = false;
    if (!tile || event.pointerType !== "touch") return;
    clearTimeout(this.pressing);
    this.pressing = setTimeout(() => {
      this.pressed = true;
      this.selection.toggle(tile, {});
    }, LONG_PRESS);
  }

  onKey(event) {
    const tile = event.target.closest(".tile");
    if (event.key === "Escape" && this.selection.isActive) this.selection.clear();
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.selection.addAll(this.tiles);
    else if (event.key === "Delete" && tile)
      this.trash(this.selection.isActive ? this.selection.paths : [tile.dataset.path]);
    else if (event.key === " " && tile) this.selection.toggle(tile, { range: event.shiftKey });
    else if (!tile || !this.move(tile, event.key)) return;
    event.preventDefault();
  }

  move(tile, key) {
    const tiles = this.tiles;
    const at = tiles.indexOf(tile);
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns };
    const next = key in steps ? tiles[at + steps[key]] : undefined;
    next?.querySelector(".tile-link").focus();
    return Boolean(next);
  }

  get columns() {
    return getComputedStyle(this.list).gridTemplateColumns.split(" ").length;
  }

  /** Return the next tile in a direction; load more when the last one is reached. */
  neighbour(tile, step) {
    const tiles = this.tiles;
    const at = tiles.indexOf(tile) + step;
    if (at > tiles.length - 10) this.loadMore();
    return tiles[at];
  }

  loadMore() {
    const more = this.list.querySelector(".gallery-more");
    if (!more || more.dataset.loading) return;
    more.dataset.loading = "true";
    htmx.ajax("GET", more.getAttribute("hx-get"), { source: more, target: more, swap: "outerHTML" });
  }

  /** Have the browser save files as one zip. */
  download(paths) {
    submit("zip-form", paths);
  }

  /** Move files to the trash. The toast of the response offers Undo. */
  trash(paths) {
    if (paths.length > 0) submit("trash-form", paths);
  }

  /** Fetch what is new. When something is gone, or back in its old place, fetch all that is shown. */
  async update() {
    if (this.updating) {
      this.again = true;
      return;
    }
    this.updating = true;
    try {
      await this.fetchNew();
    } finally {
      this.updating = false;
    }
    if (this.again) {
      this.again = false;
      await this.update();
    }
  }

  async fetchNew() {
    const { newest, query } = this.list.dataset;
    const found = document.getElementById("found");
    if (!newest) {
      await this.reload();
      return;
    }
    const response = await fetch(`/outputs/newer?${query ? `${query}&` : ""}cursor=${newest}`);
    if (!response.ok) return;
    const html = await response.text();
    const total = Number(response.headers.get("X-Found"));
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const count = fresh.content.querySelectorAll(".tile").length;
    if (total !== Number(found.dataset.found) + count) {
      await this.reload();
      return;
    }
    if (count === 0) return;
    this.list.dataset.newest = response.headers.get("X-Newest");
    this.list.prepend(fresh.content);
    this.joinGroups();
    found.dataset.found = total;
    found.textContent = formatCount(total, "file");
  }

  async reload() {
    const shown = Math.min(Math.max(this.tiles.length, 1), MOST_SHOWN);
    const form = new URLSearchParams(new FormData(document.getElementById("search")));
    if (this.tiles.length > 0) form.set("shown", shown);
    await htmx.ajax("GET", `/outputs?${form}`, { target: this.root, swap: "innerMorph" });
    this.selection.forgetMissing();
  }

  // New tiles may belong to the group that the page began with: it keeps one heading.
  joinGroups() {
    let last = null;
    for (const heading of this.list.querySelectorAll(".gallery-heading")) {
      if (heading.dataset.group === last) heading.remove();
      last = heading.dataset.group;
    }
  }
}

function submit(id, paths) {
  const form = document.getElementById(id);
  form.replaceChildren(...paths.map(inputOf));
  form.requestSubmit();
}

function inputOf(path) {
  return Object.assign(document.createElement("input"), { type: "hidden", name: "path", value: path });
}

function unfold(button) {
  const isFolded = document.getElementById("choices").classList.toggle("is-folded");
  button.setAttribute("aria-expanded", String(!isFolded));
}
