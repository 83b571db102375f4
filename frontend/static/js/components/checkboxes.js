/** Sets every checkbox of a form. */
export const checkboxes = () => ({
  setAll(checked) {
    for (const box of this.$root.querySelectorAll("[type=checkbox]")) box.checked = checked;
  },
});
