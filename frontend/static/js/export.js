// The page that makes a preset of what is on this pod.
document.addEventListener("alpine:init", () => {
  Alpine.data("ticks", () => ({
    all(wanted) {
      for (const box of this.$root.querySelectorAll("[type=checkbox]")) box.checked = wanted;
    },
  }));

  // Hands a text of the page over as a file.
  Alpine.data("saver", () => ({
    save() {
      const address = URL.createObjectURL(new Blob([this.$refs.text.value], { type: "application/yaml" }));
      Object.assign(document.createElement("a"), { href: address, download: this.$root.dataset.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    },
  }));
});
