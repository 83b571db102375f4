import htmx from "../../vendor/htmx.js";
import { placeOf, rowOrder } from "../lib/row-order.js";

/** The queue of downloads, which a user orders. */
export const downloadQueue = () => rowOrder(place);

/** Tell the server between which downloads a row is now. */
function place(row) {
  htmx.ajax("POST", `/downloads/${row.dataset.id}/place`, { values: placeOf(row), swap: "none" });
}
