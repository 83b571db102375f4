import Alpine from "../../vendor/alpine-csp.js";
import { downloads } from "../stores/downloads.js";

const RADIUS = 13;

/** Show in the tab how much of all downloads has arrived: in the title, and as a ring for an icon. */
export function showProgressInTab() {
  const icon = document.querySelector("link[rel=icon]");
  const [title, address] = [document.title, icon.href];
  let shown = null;
  Alpine.effect(() => {
    const percent = downloads.percent;
    if (percent === shown) return;
    shown = percent;
    document.title = percent === null ? title : `${percent} % · ${title}`;
    icon.href = percent === null ? address : ring(percent);
  });
}

function ring(percent) {
  const length = 2 * Math.PI * RADIUS;
  const circle = `cx="16" cy="16" r="${RADIUS}" fill="none" stroke-width="6"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
    <circle ${circle} stroke="#8795a6"/>
    <circle ${circle} stroke="#2f81f7" stroke-dasharray="${(length * percent) / 100} ${length}" transform="rotate(-90 16 16)"/>
  </svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
