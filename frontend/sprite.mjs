// Prints an SVG sprite of the Lucide icons that icons.json names. scripts/dev/frontend.sh writes it to static/icons/lucide.svg.
import { readFileSync } from "node:fs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const licence = read("node_modules/lucide-static/LICENSE").match(/Copyright .*Lucide.*/)[0];

function symbol(name) {
  const svg = read(`node_modules/lucide-static/icons/${name}.svg`);
  const shapes = svg.match(/<svg[^>]*>(.*)<\/svg>/s)[1];
  return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s*\n\s*/g, "")}</symbol>`;
}

const symbols = JSON.parse(read("icons.json")).map(symbol).join("\n");
process.stdout.write(`<!-- Lucide icons, ISC License. ${licence} -->
<svg xmlns="http://www.w3.org/2000/svg">
${symbols}
</svg>
`);
