// Browsers do not send a strict cookie after a click on another site's link, so the server cannot see the session yet.
const form = document.querySelector("form[data-next]");
const response = await fetch("/api/auth/me");
if (response.ok) location.replace(form.dataset.next);
