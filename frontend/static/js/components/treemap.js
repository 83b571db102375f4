import { formatBytes } from "../lib/format.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 280;
const HEADER = 20;
const COLOURS = 6;
// Smaller areas have no text.
const LABEL = { width: 60, height: 28 };
const CHARACTER = 7;

/** The model folders as areas; a click on one filters the list. A table beside it has the same figures. */
export const treemap = () => ({
  init() {
    this.load();
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.$root);
  },
  destroy() {
    this.resized.disconnect();
  },

  async load() {
    const response = await fetch("/storage/tree");
    if (!response.ok) return;
    await import("../../vendor/d3-hierarchy.js"); // a classic script, which sets the global `d3`
    this.data = await response.json();
    this.draw();
  },

  draw() {
    const width = this.$root.clientWidth;
    if (!this.data || !width) return;
    const { d3 } = globalThis;
    const root = d3
      .hierarchy(this.data)
      .sum((node) => node.bytes ?? 0)
      .sort((a, b) => b.value - a.value);
    const layout = d3
      .treemap()
      .tile(d3.treemapSquarify)
      .size([width, HEIGHT])
      .paddingInner(1)
      .paddingTop((node) => (node.depth === 1 ? HEADER : 0));
    layout(root);
    const svg = element("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT });
    for (const [index, folder] of (root.children ?? []).entries()) svg.append(areaOf(folder, index));
    this.$root.replaceChildren(svg);
  },
});

function areaOf(folder, index) {
  const group = element("g", { class: `tree-${index % COLOURS}` });
  const href = `/storage?folder=${encodeURIComponent(folder.data.name)}`;
  group.append(linkTo(href, folder, folder.data.name, "tree-folder"));
  for (const file of folder.children ?? []) {
    const { path, name } = file.data;
    group.append(linkTo(path ? `/storage?q=${encodeURIComponent(path)}` : href, file, name, "tree-file"));
  }
  return group;
}

function linkTo(href, node, name, kind) {
  const [width, height] = [node.x1 - node.x0, node.y1 - node.y0];
  const link = element("a", { href, class: kind, tabindex: -1 });
  const area = element("rect", { x: node.x0, y: node.y0, width, height });
  const title = element("title", {});
  title.textContent = `${name}, ${formatBytes(node.value)}`;
  link.append(title, area);
  if (width > LABEL.width && (kind === "tree-folder" || height > LABEL.height)) {
    const label = element("text", { x: node.x0 + 4, y: node.y0 + 14 });
    const most = Math.floor((width - 8) / CHARACTER);
    label.textContent = name.length > most ? `${name.slice(0, most - 1)}…` : name;
    link.append(label);
  }
  return link;
}

function element(name, attributes) {
  const created = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}
