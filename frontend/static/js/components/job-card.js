import Alpine from "../../vendor/alpine-csp.js";
import { element } from "../lib/dom.js";
import { jobs } from "../stores/jobs.js";

const MOST_CARDS = 8;
const MOST_PICTURES = 4;
const TONES = { succeeded: "success", failed: "danger", running: "primary" };

/** Cards of the jobs that a result names; they follow the jobs while the page is open. */
export function jobCards(result) {
  const ids = Array.isArray(result?.job_ids) ? result.job_ids.slice(0, MOST_CARDS) : [];
  return ids.map((id) => jobCard(String(id)));
}

function jobCard(id) {
  const card = element("div", { className: "chat-job", data: { job: id } });
  const show = async () => card.replaceChildren(...(await content(id)));
  document.body.addEventListener(`job-${id}-changed`, show);
  document.body.addEventListener("all-jobs-changed", show);
  show();
  return card;
}

async function content(id) {
  const response = await fetch(`/api/jobs/${encodeURIComponent(id)}`);
  if (!response.ok)
    return [element("p", { className: "text-muted", textContent: `Job ${id} does not exist any more.` })];
  const job = await response.json();
  const link = element("a", {
    href: `/jobs/${id}`,
    className: "min-w-0 grow truncate font-medium",
    textContent: job.name,
  });
  const badge = element("span", { className: `badge text-${TONES[job.state] ?? "muted"}`, textContent: job.state });
  return [
    element("p", { className: "flex items-center gap-2" }, link, badge),
    job.error ? element("p", { className: "text-sm text-danger", textContent: job.error.message }) : "",
    ...(job.state === "running" ? running(id) : []),
    pictures(id, job.outputs),
  ].filter((item) => item !== "");
}

function running(id) {
  const bar = element("progress", { className: "bar", max: 1, value: 0, ariaLabel: "Progress of the job" });
  const picture = element("img", { className: "chat-picture", alt: "Preview", hidden: true });
  Alpine.effect(() => {
    const progress = jobs.progress[id];
    if (progress) Object.assign(bar, { max: progress.maximum || 1, value: progress.value });
    if (id in jobs.previews) {
      picture.src = `/api/jobs/${id}/preview?n=${jobs.previews[id]}`;
      picture.hidden = false;
    }
  });
  return [bar, picture];
}

function pictures(id, outputs) {
  const shown = outputs.map((output, number) => ({ ...output, number })).filter(isPicture);
  if (shown.length === 0) return "";
  const images = shown.slice(0, MOST_PICTURES).map(({ number, path }) =>
    element("img", {
      className: "chat-picture",
      loading: "lazy",
      alt: path,
      src: `/api/jobs/${id}/outputs/${number}`,
    }),
  );
  return element("a", { href: `/jobs/${id}`, className: "flex flex-wrap gap-2" }, ...images);
}

function isPicture({ media_type: type }) {
  return type.startsWith("image/");
}
