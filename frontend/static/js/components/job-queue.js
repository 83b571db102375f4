import htmx from "../../vendor/htmx.js";

/** The queue: selects several jobs, and moves one by dragging its handle or with the arrow keys. */
export const jobQueue = () => ({
  selected: 0,
  dragged: null,

  get boxes() {
    return [...this.$refs.rows.querySelectorAll("[name=id]")];
  },
  get isAll() {
    return this.selected > 0 && this.selected === this.boxes.length;
  },
  get label() {
    return `${this.selected} selected`;
  },
  count() {
    this.selected = this.boxes.filter((box) => box.checked).length;
  },
  setAll(checked) {
    for (const box of this.boxes) box.checked = checked;
    this.count();
  },

  grab(event) {
    if (event.button !== 0) return;
    event.target.setPointerCapture(event.pointerId);
    this.dragged = event.target.closest("li");
    this.dragged.classList.add("dragged");
    this.origin = this.dragged.nextElementSibling;
  },
  drag(event) {
    if (!this.dragged) return;
    const under = [...this.$refs.rows.children].find((row) => event.clientY < middleOf(row)) ?? null;
    if (under !== this.dragged && under !== this.dragged.nextElementSibling) {
      this.$refs.rows.insertBefore(this.dragged, under);
    }
  },
  drop() {
    const row = this.dragged;
    if (!row) return;
    row.classList.remove("dragged");
    this.dragged = null;
    if (row.nextElementSibling !== this.origin) place(row);
  },

  step(handle, direction) {
    const row = handle.closest("li");
    const neighbour = direction < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!neighbour) return;
    this.$refs.rows.insertBefore(row, direction < 0 ? neighbour : neighbour.nextElementSibling);
    handle.focus();
    place(row);
  },
});

function middleOf(row) {
  const { top, height } = row.getBoundingClientRect();
  return top + height / 2;
}

/** Tell the server between which jobs a row is now. */
function place(row) {
  htmx.ajax("POST", `/jobs/${row.dataset.id}/place`, { values: placeOf(row), swap: "none" });
}

// The last row that is shown need not be the last of the queue: it stays behind the one before it.
function placeOf(row) {
  const following = row.nextElementSibling;
  return following ? { before: following.dataset.id } : { after: row.previousElementSibling.dataset.id };
}
