// Reloads the page as soon as the service answers.
async function reloadWhenUp() {
  try {
    const response = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    if (response.status < 500) location.reload();
  } catch {
    // the pod itself is unreachable; try again
  }
}
setInterval(reloadWhenUp, 2000);
