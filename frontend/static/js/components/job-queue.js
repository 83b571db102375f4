import htmx from "../../vendor/htmx.js";
import { placeOf, rowOrder } from "../lib/row-order.js";

/** The queue: selects several jobs, and moves one by dragging its handle or with the arrow keys. */
export const jobQueue = () => ({
  ...rowOrder(place),
  selected: 0,

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
});

/** Tell the server between which jobs a row is now. */
function place(row) {
  htmx.ajax("POST", `/jobs/${row.dataset.id}/place`, { values: placeOf(row), swap: "none" });
}
