import Alpine from "../../vendor/alpine-csp.js";
import "../../vendor/htmx.js";
import { sessionCost, theme, toasts } from "../components/shell.js";
import { downloads } from "../stores/downloads.js";
import { jobs } from "../stores/jobs.js";
import { connection, LiveChannel } from "./live-channel.js";
import { askWithDialog, watchRequests } from "./requests.js";

// After the load of a page, until what its first view does not need is loaded. In milliseconds.
const PAUSE = 1000;
const PAUSE_AFTER_FAILURE = 5000;

/** Start a page: what every page has, and the components that this one adds. */
export function start(components = {}) {
  watchRequests();
  askWithDialog();
  Alpine.store("connection", connection);
  Alpine.store("downloads", downloads);
  Alpine.store("jobs", jobs);
  for (const [name, component] of Object.entries({ sessionCost, theme, toasts, ...components }))
    Alpine.data(name, component);
  Alpine.start();
  new LiveChannel("/ws/downloads", (frame) => downloads.apply(frame), {
    onState: (isOpen) => {
      connection.isOpen = isOpen;
    },
  });
  new LiveChannel("/ws/jobs", (frame) => jobs.apply(frame), { whileVisible: true });
  addEventListener("load", () => setTimeout(loadTheRest, PAUSE));
  document.addEventListener("keydown", onShortcut);
  addByDropOrPaste();
  document.addEventListener("open-palette", openPalette);
  for (const element of document.querySelectorAll("[data-live]")) follow(element.dataset.live);
}

/** Turn the frames of a socket into events: a frame `models` becomes `models-changed`, upon which a list reloads. */
function follow(path) {
  new LiveChannel(path, ({ type }) => document.body.dispatchEvent(new CustomEvent(`${type}-changed`)));
}

function onShortcut(event) {
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    openPalette();
  } else if (event.key === "/" && !isTyping(event.target)) {
    event.preventDefault();
    const search = document.querySelector("main [role=search] [type=search]");
    if (search) search.focus();
    else openPalette();
  }
}

function isTyping(element) {
  return element.isContentEditable || element.matches("input, textarea, select");
}

// Loaded when it is first used, so that it costs a page nothing.
async function openPalette() {
  const { palette } = await import("../components/palette.js");
  palette.open();
}

/** Take a workflow, a picture or a URL that is dropped or pasted anywhere but into a field or onto a drop zone. */
function addByDropOrPaste() {
  let isFromHere = false;
  document.addEventListener("dragstart", () => {
    isFromHere = true;
  });
  document.addEventListener("dragend", () => {
    isFromHere = false;
  });
  const isForUs = (event) => !(isFromHere || event.defaultPrevented || isTyping(event.target));
  document.addEventListener("dragover", (event) => isForUs(event) && event.preventDefault());
  document.addEventListener("drop", (event) => isForUs(event) && receive(event, event.dataTransfer));
  document.addEventListener("paste", (event) => isForUs(event) && receive(event, event.clipboardData));
}

async function receive(event, data) {
  event.preventDefault();
  const [file] = data.files; // the browser empties `data` after the event
  const text = data.getData("text/plain").trim();
  if (!file && !text) return;
  const { add } = await import("../components/add-anywhere.js");
  add(file, text);
}

// After the page has loaded: nothing of it is needed for the first view.
async function loadTheRest() {
  const hasProgress = document.querySelector("[data-progress-in-tab]");
  try {
    const [{ showNotifications }, tab] = await Promise.all([
      import("../components/browser-notifications.js"),
      hasProgress && import("./page-progress.js"),
    ]);
    showNotifications();
    tab?.showProgressInTab();
  } catch {
    setTimeout(loadTheRest, PAUSE_AFTER_FAILURE); // the pod may be away
  }
}
