/** The schedule of speed limits. New rows are copies of the empty row that the server rendered. */
export const schedule = () => ({
  add() {
    const row = this.$refs.blank.content.firstElementChild.cloneNode(true);
    this.$refs.rows.append(row);
    row.querySelector("input").focus();
  },
  remove(button) {
    button.closest("li").remove();
  },
});
