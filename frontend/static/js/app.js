// Toasts and the theme menu.
document.addEventListener("alpine:init", () => {
  Alpine.store("toasts", {
    list: [],
    next: 1,
    show(kind, message) {
      const id = this.next++;
      this.list.push({ id, kind, message });
      if (kind !== "error") setTimeout(() => this.dismiss(id), 6000);
    },
    dismiss(id) {
      this.list = this.list.filter((toast) => toast.id !== id);
    },
  });

  Alpine.data("toasts", () => ({
    get list() { return Alpine.store("toasts").list; },
    dismiss(id) { Alpine.store("toasts").dismiss(id); },
    colour(toast) { return toast.kind === "error" ? "text-bad" : toast.kind === "success" ? "text-good" : "text-accent"; },
    word(toast) { return toast.kind === "error" ? "Error" : toast.kind === "success" ? "Done" : "Note"; },
  }));

  Alpine.data("theme", () => ({
    chosen: document.documentElement.dataset.theme,
    choose() {
      document.documentElement.dataset.theme = this.chosen;
      localStorage.setItem("theme", this.chosen);
    },
  }));
});

document.addEventListener("toast", (event) => {
  const { kind, message } = event.detail;
  Alpine.store("toasts").show(kind, message);
});

document.addEventListener("htmx:error", () => {
  Alpine.store("toasts").show("error", "The control plane does not answer. Is the pod still running?");
});
