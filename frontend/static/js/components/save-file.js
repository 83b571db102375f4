/** Saves the text of a field as a file. */
export const saveFile = () => ({
  save() {
    const url = URL.createObjectURL(new Blob([this.$refs.text.value], { type: "application/yaml" }));
    Object.assign(document.createElement("a"), { href: url, download: this.$root.dataset.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  },
});
