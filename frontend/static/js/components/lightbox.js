import htmx from "../../vendor/htmx.js";

const SWIPE = 60; // pixels
const MOST_TEXT = 65_535; // bytes
const DETAILS = "outputs-details";

/** One output at full size with its details. Arrow keys and swipes go to the next one. */
export class Lightbox {
  constructor(gallery, dialog) {
    this.gallery = gallery;
    this.dialog = dialog;
    this.stage = dialog.querySelector("[data-stage]");
    this.details = dialog.querySelector("[data-details]");
    this.details.hidden = localStorage.getItem(DETAILS) === "hidden";
    // Of the whole page: a button that vanishes, such as Undo, takes the focus out of the dialog.
    document.addEventListener("keydown", (event) => this.dialog.open && this.onKey(event));
    dialog.addEventListener("click", (event) => this.onClick(event));
    dialog.addEventListener("close", () => this.onClose());
    this.stage.addEventListener("touchstart", (event) => this.onTouch(event), { passive: true });
    this.stage.addEventListener("touchend", (event) => this.onRelease(event), { passive: true });
  }

  open(tile) {
    this.show(tile);
    this.dialog.append(document.querySelector(".toasts")); // a modal dialog hides what is outside of it
    this.dialog.showModal();
  }

  /** The tile of what is shown; a reload of the list may have put another element in its place. */
  get tile() {
    return this.gallery.tileOf(this.path) ?? this.shownTile;
  }

  show(tile) {
    this.shownTile = tile;
    this.path = tile.dataset.path;
    this.stage.replaceChildren(...this.contentOf(tile));
    for (const button of this.dialog.querySelectorAll("[data-step]")) {
      button.disabled = !this.gallery.neighbour(tile, Number(button.dataset.step));
    }
    this.dialog.querySelector("[data-action=details]").setAttribute("aria-pressed", String(!this.details.hidden));
    this.loadDetails();
    this.preload(this.gallery.neighbour(tile, 1));
  }

  contentOf(tile) {
    const link = tile.querySelector(".tile-link");
    const source = link.getAttribute("href");
    const label = link.getAttribute("aria-label");
    if (tile.dataset.kind === "image") return this.pictureOf(tile, source, label);
    if (tile.dataset.kind === "video" || tile.dataset.kind === "audio") {
      const player = document.createElement(tile.dataset.kind);
      Object.assign(player, { src: source, controls: true, autoplay: true, loop: tile.dataset.kind === "video" });
      player.setAttribute("aria-label", label);
      player.addEventListener("loadedmetadata", () => this.showSize(player.videoWidth, player.videoHeight));
      return [player];
    }
    if (tile.dataset.kind === "text") return [this.textOf(tile, source)];
    return [link.querySelector(".icon").cloneNode(true)];
  }

  textOf(tile, source) {
    const text = Object.assign(document.createElement("pre"), { className: "output-text", tabIndex: 0 });
    fetch(source, { headers: { Range: `bytes=0-${MOST_TEXT}` } })
      .then((response) => (response.ok ? response.text() : ""))
      .then((content) => {
        if (this.path === tile.dataset.path) text.textContent = content;
      });
    return text;
  }

  // The thumbnail, which is in the browser's cache, stands in until the picture is there.
  pictureOf(tile, source, label) {
    const preview = Object.assign(new Image(), { src: tile.querySelector("img").src, alt: "" });
    preview.dataset.blurred = "true";
    const picture = Object.assign(new Image(), { alt: label, hidden: true });
    picture.addEventListener("load", () => {
      picture.hidden = false;
      preview.remove();
      if (this.path === tile.dataset.path) this.showSize(picture.naturalWidth, picture.naturalHeight);
    });
    picture.src = source;
    return [preview, picture];
  }

  preload(tile) {
    if (tile?.dataset.kind === "image") new Image().src = tile.querySelector(".tile-link").getAttribute("href");
  }

  async loadDetails() {
    if (this.details.hidden) return;
    this.details.replaceChildren();
    const address = `/outputs/details/${this.path.split("/").map(encodeURIComponent).join("/")}`;
    await htmx.ajax("GET", address, { target: this.details, swap: "innerHTML" });
    const picture = this.stage.querySelector("img:not([data-blurred])");
    if (picture?.naturalWidth) this.showSize(picture.naturalWidth, picture.naturalHeight);
  }

  showSize(width, height) {
    if (!width) return;
    this.size = `${width} × ${height}`;
    for (const element of this.details.querySelectorAll("[data-dimensions]")) element.hidden = false;
    const value = this.details.querySelector("dd[data-dimensions]");
    if (value) value.textContent = this.size;
  }

  step(direction) {
    const next = this.gallery.neighbour(this.tile, direction);
    if (next) this.show(next);
  }

  trash() {
    const { tile } = this;
    const next = this.gallery.neighbour(tile, 1) ?? this.gallery.neighbour(tile, -1);
    if (next) this.show(next);
    else this.dialog.close();
    this.gallery.trash([tile.dataset.path]);
  }

  onKey(event) {
    if (event.target.matches("video, audio, input, textarea")) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) this.step(step);
    else if (event.key === "Delete") this.trash();
    else if (event.key === "i") this.toggleDetails();
    else return;
    event.preventDefault();
  }

  onClick(event) {
    const button = event.target.closest("[data-step], [data-action]");
    if (button?.dataset.step) this.step(Number(button.dataset.step));
    else if (button?.dataset.action === "close") this.dialog.close();
    else if (button?.dataset.action === "trash") this.trash();
    else if (button?.dataset.action === "details") this.toggleDetails();
  }

  toggleDetails() {
    this.details.hidden = !this.details.hidden;
    localStorage.setItem(DETAILS, this.details.hidden ? "hidden" : "shown");
    this.show(this.tile);
  }

  onTouch(event) {
    this.touched = event.touches.length === 1 ? event.touches[0].clientX : null;
  }

  onRelease(event) {
    if (this.touched === null || (visualViewport?.scale ?? 1) > 1.05) return;
    const moved = event.changedTouches[0].clientX - this.touched;
    if (Math.abs(moved) > SWIPE) this.step(moved < 0 ? 1 : -1);
  }

  onClose() {
    this.stage.replaceChildren(); // stops videos
    document.body.append(this.dialog.querySelector(".toasts"));
    this.tile.querySelector(".tile-link")?.focus();
  }
}
