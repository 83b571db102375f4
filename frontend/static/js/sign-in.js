// A strict cookie is not sent when another site links here. Somebody who is signed in goes straight on.
const form = document.querySelector("form[data-next]");
fetch("/api/auth/me").then((answer) => {
  if (answer.ok) location.replace(form.dataset.next);
});
