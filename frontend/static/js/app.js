// Toasts, the theme menu, and what is done with answers that are not ours.
const MOST_TOASTS = 4;
const AWAY = "The control plane does not answer. Try again in a moment.";

document.addEventListener("alpine:init", () => {
  Alpine.store("toasts", {
    list: [],
    next: 1,
    show(kind, message) {
      const id = this.next++;
      const others = this.list.filter((toast) => toast.message !== message);
      this.list = [...others, { id, kind, message }].slice(-MOST_TOASTS);
      if (kind !== "error") setTimeout(() => this.dismiss(id), 6000);
    },
    dismiss(id) {
      this.list = this.list.filter((toast) => toast.id !== id);
    },
  });

  Alpine.data("toasts", () => ({
    get list() { return Alpine.store("toasts").list; },
    dismiss(id) { Alpine.store("toasts").dismiss(id); },
    isError(toast) { return toast.kind === "error"; },
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

// The page asks for news by itself, unless nobody is there; then the banner says so.
function isPoll({ sourceEvent }) {
  return ["every", "transfers-changed"].includes(sourceEvent.type);
}

function tellAway(ctx) {
  if (!isPoll(ctx)) Alpine.store("toasts").show("error", AWAY);
}

document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx?.request) tellAway(event.detail.ctx);
});

// Our own errors say what becomes of the page: HX-Reswap or HX-Redirect. What answers in our place while we are
// away, nginx or the host's proxy, must not become a part of it.
document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 400 || ctx.hx.reswap || ctx.hx.redirect) return;
  event.preventDefault();
  tellAway(ctx);
});

// What was pressed shows that it is at work.
function marked({ sourceElement, request }) {
  return request.submitter ?? sourceElement;
}

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (!isPoll(ctx)) marked(ctx).setAttribute("aria-busy", "true");
  else if (!Alpine.store("live").connected) event.preventDefault();
});

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  marked(ctx).removeAttribute("aria-busy");
});
