// Looks whether the service is up, and shows it as soon as it is.
async function look() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    if (answer.status < 500) location.reload();
  } catch {
    // the pod itself is away; keep looking
  }
}
setInterval(look, 2000);
