/**
 * Lets a user order the rows of a list: by dragging the handle of a row, or with the arrow keys on it. Mix it into a
 * component whose rows are the children of `$refs.rows`, each with an id in `data-id`. `place` gets the row that was moved.
 */
export const rowOrder = (place) => ({
  dragged: null,

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
    const neighbour = neighbourOf(row, direction);
    if (!neighbour) return;
    this.$refs.rows.insertBefore(row, direction < 0 ? neighbour : neighbour.nextElementSibling);
    handle.focus();
    place(row);
  },
});

/** Return between which rows a row is now. The last row that is shown need not be the last of all. */
export function placeOf(row) {
  const following = neighbourOf(row, 1);
  return following ? { before: following.dataset.id } : { after: neighbourOf(row, -1).dataset.id };
}

// Headings between the rows have no id.
function neighbourOf(row, direction) {
  let other = row;
  do {
    other = direction < 0 ? other.previousElementSibling : other.nextElementSibling;
  } while (other && !other.dataset.id);
  return other;
}

function middleOf(row) {
  const { top, height } = row.getBoundingClientRect();
  return top + height / 2;
}
