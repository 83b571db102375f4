import htmx from "../../vendor/htmx.js";
import { toasts } from "../stores/toasts.js";
import { connection } from "./live-channel.js";

const NO_ANSWER = "The control plane does not answer. Try again in a moment.";

/** Connect htmx to the page: toasts, busy buttons, and answers that did not come from the control plane. */
export function watchRequests() {
  document.addEventListener("toast", ({ detail }) => toasts.show(detail.kind, detail.message, detail.action));
  document.addEventListener("toast-action", ({ detail }) => htmx.ajax("POST", detail.url, { swap: "none" }));
  document.addEventListener("htmx:error", ({ detail }) => detail.ctx?.request && reportNoAnswer(detail.ctx));
  document.addEventListener("htmx:before:response", rejectForeignErrors);
  document.addEventListener("htmx:before:request", start);
  document.addEventListener("htmx:finally:request", finish);
  document.addEventListener("visibilitychange", catchUp);
}

function start(event) {
  const { ctx } = event.detail;
  if (!isPoll(ctx)) pressedElement(ctx).setAttribute("aria-busy", "true");
  else if (!connection.isOpen || document.hidden) event.preventDefault();
}

// A hidden tab does not poll. What it missed arrives when it is shown again.
function catchUp() {
  if (!document.hidden) document.body.dispatchEvent(new CustomEvent("transfers-changed"));
}

function finish(event) {
  pressedElement(event.detail.ctx).removeAttribute("aria-busy");
}

// Our own errors say what happens to the page: HX-Reswap or HX-Redirect. What nginx or the host's proxy answers while
// the control plane is unreachable must not become part of it.
function rejectForeignErrors(event) {
  const { ctx } = event.detail;
  if (ctx.response.status < 400 || ctx.hx.reswap || ctx.hx.redirect) return;
  event.preventDefault();
  reportNoAnswer(ctx);
}

// A failed poll needs no toast: the banner says that the connection is lost, until the socket is open again.
function reportNoAnswer(ctx) {
  if (isPoll(ctx)) document.dispatchEvent(new CustomEvent("no-answer"));
  else toasts.show("error", NO_ANSWER);
}

function isPoll({ sourceEvent }) {
  return sourceEvent.type === "every" || Boolean(sourceEvent.type?.endsWith("-changed"));
}

function pressedElement({ sourceElement, request }) {
  return request.submitter ?? sourceElement;
}

/** Ask the questions of `hx-confirm` in our own dialog, whose button names the action. */
export function askWithDialog() {
  document.addEventListener("htmx:confirm", async (event) => {
    event.preventDefault();
    const { ctx, issueRequest, dropRequest } = event.detail;
    const button = ctx.request.submitter ?? ctx.sourceElement;
    if (await confirmed(ctx.confirm, button)) issueRequest();
    else dropRequest();
  });
}

function confirmed(question, button) {
  const dialog = document.getElementById("confirmation");
  const yes = document.getElementById("confirmation-yes");
  document.getElementById("confirmation-text").textContent = question;
  yes.textContent = button.dataset.confirmLabel ?? labelOf(button);
  yes.className = isDestructive(button) ? "button button-danger" : "button button-primary";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function labelOf(button) {
  const label = button.matches("form") ? button.querySelector("[type=submit]") : button;
  return label?.textContent.trim() || "Continue";
}

function isDestructive(button) {
  return button.hasAttribute("hx-delete") || button.matches("[data-danger], .menu-item-danger");
}
