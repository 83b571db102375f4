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
