import { LiveChannel } from "../lib/live-channel.js";

const MAX_LINES = 5000; // keeps a page that stays open overnight responsive
const NEAR_END = 40; // pixels
const LEVELS = [
  { className: "text-danger", pattern: /(error|exception|traceback|critical|fatal)\b/i },
  { className: "text-warning", pattern: /\bwarn(ing)?\b/i },
];

/** A service's log, followed live. */
export const log = () => ({
  filter: "",
  isFollowing: true,
  isEmpty: false,

  init() {
    new LiveChannel(`/ws/services/${this.$root.dataset.service}/log`, (frame) => this.apply(frame));
  },

  apply({ type, lines, unfinished }) {
    const box = this.$refs.lines;
    if (type === "snapshot") box.replaceChildren();
    box.querySelector("[data-unfinished]")?.remove();
    const added = lines.map(lineElement);
    if (unfinished) added.push(unfinishedElement(unfinished));
    for (const element of added) this.filterLine(element);
    box.append(...added);
    while (box.childElementCount > MAX_LINES) box.firstElementChild.remove();
    this.isEmpty = box.childElementCount === 0;
    this.scrollToEnd();
  },

  filterAll() {
    for (const element of this.$refs.lines.children) this.filterLine(element);
    this.scrollToEnd();
  },

  filterLine(element) {
    element.hidden = !element.textContent.toLowerCase().includes(this.filter.toLowerCase());
  },

  scrollToEnd() {
    if (this.isFollowing) this.$refs.lines.scrollTop = this.$refs.lines.scrollHeight;
  },

  // Scrolling up stops following, so that the text stays put while it is read; scrolling to the end starts it again.
  onScroll() {
    const box = this.$refs.lines;
    this.isFollowing = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
  },
});

function lineElement(text) {
  const element = document.createElement("div");
  element.textContent = text || " ";
  element.className = LEVELS.find(({ pattern }) => pattern.test(text))?.className ?? "";
  return element;
}

function unfinishedElement(text) {
  const element = lineElement(text);
  element.dataset.unfinished = "";
  return element;
}
