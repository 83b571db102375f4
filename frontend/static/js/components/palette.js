import { downloads } from "../stores/downloads.js";

const PAUSE_MS = 120; // between the last key and the request
const MAX_PRESETS = 6;
const MAX_FILES = 5;
const MAX_DOWNLOADS = 4;

const ACTIONS = [
  { label: "Add downloads from a URL", url: "/downloads/add" },
  { label: "New job", url: "/jobs/new" },
  { label: "New schedule", url: "/jobs/schedules/new" },
  { label: "Schedules", url: "/jobs/schedules" },
  { label: "Webhooks", url: "/jobs/webhooks" },
  { label: "Settings of the queue, quiet hours", url: "/jobs/settings" },
  { label: "Check a workflow", url: "/presets/from-workflow" },
  { label: "Import a preset", url: "/presets/import" },
  { label: "Export a preset", url: "/presets/export" },
  { label: "Add storage for sync", url: "/sync#add-remote" },
  { label: "Set a token", url: "/settings#tokens" },
  { label: "Create an API key", url: "/settings#api-keys" },
  { label: "Ask the assistant", url: "/assistant" },
  { label: "API reference", url: "/docs" },
  { label: "Theme: dark", theme: "dark" },
  { label: "Theme: light", theme: "light" },
  { label: "Theme: high contrast", theme: "contrast" },
  { label: "Theme: follow system", theme: "system" },
];

/** Finds pages, actions, presets, files and downloads by a few letters, and goes there. */
class Palette {
  constructor() {
    this.dialog = element("dialog", { className: "dialog palette", ariaLabel: "Search" });
    this.input = element("input", {
      className: "field",
      type: "search",
      placeholder: "Presets, files, pages, actions",
    });
    for (const [name, value] of Object.entries({
      role: "combobox",
      "aria-label": "Search everything",
      "aria-controls": "palette-list",
      "aria-expanded": "true",
      autocomplete: "off",
    })) {
      this.input.setAttribute(name, value);
    }
    this.list = element("ul", { id: "palette-list", className: "palette-list", role: "listbox", ariaLabel: "Results" });
    this.dialog.append(this.input, this.list);
    document.body.append(this.dialog);
    this.input.addEventListener("input", () => this.search());
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.entries = [];
    this.selected = 0;
  }

  open() {
    if (this.dialog.open) return;
    this.input.value = "";
    this.dialog.showModal();
    this.search();
  }

  async search() {
    const words = this.input.value.trim().toLowerCase();
    const local = [...pages(), ...ACTIONS.map((action) => ({ kind: "Action", ...action }))].filter(matching(words));
    this.show([...local, ...transfers(words)]);
    clearTimeout(this.timer);
    if (words) this.timer = setTimeout(() => this.ask(words), PAUSE_MS);
  }

  async ask(words) {
    const found = await Promise.all([presets(words), files(words)]);
    if (this.input.value.trim().toLowerCase() === words) this.show([...found[0], ...this.entries, ...found[1]]);
  }

  show(entries) {
    this.entries = entries;
    this.list.replaceChildren(...entries.map((entry, index) => this.row(entry, index)));
    if (entries.length === 0)
      this.list.append(element("li", { className: "palette-empty", textContent: "Nothing found." }));
    this.select(0);
  }

  row(entry, index) {
    const row = element("li", { id: `palette-${index}`, className: "palette-row", role: "option" });
    const kind = element("span", { className: "palette-kind", textContent: entry.kind });
    row.append(element("span", { className: "palette-label", textContent: entry.label }), kind);
    row.addEventListener("click", () => this.go(entry));
    row.addEventListener("mousemove", () => this.select(index));
    return row;
  }

  select(index) {
    this.selected = index;
    for (const [number, row] of [...this.list.children].entries()) {
      if (row.role === "option") row.ariaSelected = String(number === index);
    }
    this.input.setAttribute("aria-activedescendant", this.entries.length ? `palette-${index}` : "");
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.entries.length) {
      event.preventDefault();
      this.select((this.selected + step + this.entries.length) % this.entries.length);
    } else if (event.key === "Enter" && this.entries[this.selected]) {
      event.preventDefault();
      this.go(this.entries[this.selected]);
    }
  }

  go({ url, theme }) {
    this.dialog.close();
    if (url) {
      location.assign(url);
      return;
    }
    localStorage.setItem("theme", theme);
    document.dispatchEvent(new CustomEvent("theme-chosen"));
  }
}

function pages() {
  const links = [...document.querySelectorAll(".sidebar nav a")];
  return links.map((link) => ({ kind: "Page", label: link.textContent.trim(), url: link.getAttribute("href") }));
}

function transfers(words) {
  if (!words) return [];
  const found = Object.values(downloads.rows).filter(({ filename }) => filename.toLowerCase().includes(words));
  return found.slice(0, MAX_DOWNLOADS).map(({ filename, state }) => ({
    kind: `Download, ${state}`,
    label: filename,
    url: "/downloads",
  }));
}

async function presets(words) {
  const found = await list(`/api/presets?limit=${MAX_PRESETS}&q=${encodeURIComponent(words)}`);
  return found.map(({ preset }) => ({ kind: "Preset", label: preset.title, url: `/presets/${preset.id}` }));
}

async function files(words) {
  const found = await list(`/api/storage/models?limit=${MAX_FILES}&q=${encodeURIComponent(words)}`);
  return found.map(({ filename }) => ({
    kind: "File",
    label: filename,
    url: `/storage?q=${encodeURIComponent(filename)}`,
  }));
}

/** Return nothing where the control plane does not answer: pages and actions are found without it. */
async function list(url) {
  try {
    const response = await fetch(url);
    return response.ok ? await response.json() : [];
  } catch {
    return [];
  }
}

function matching(words) {
  return ({ label }) => words.split(/\s+/).every((word) => label.toLowerCase().includes(word));
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

export const palette = new Palette();
