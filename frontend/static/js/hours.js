// The rows of hours in "Speed and schedule". The blank one that the server rendered is copied for each new row.
document.addEventListener("alpine:init", () => {
  Alpine.data("hours", () => ({
    add() {
      const row = this.$refs.blank.content.firstElementChild.cloneNode(true);
      this.$refs.rows.append(row);
      row.querySelector("input").focus();
    },
    remove(button) {
      button.closest("li").remove();
    },
  }));
});
