// A service's log as it grows. The document holds the newest lines only, so that a page left open overnight stays quick.
const MOST_LINES = 5000;
const NEAR_END = 40; // pixels
const LEVELS = [
  ["text-bad", /(error|exception|traceback|critical|fatal)\b/i],
  ["text-warn", /\bwarn(ing)?\b/i],
];

function lineElement(text) {
  const element = document.createElement("div");
  element.textContent = text || " ";
  const level = LEVELS.find(([, words]) => words.test(text));
  if (level) element.className = level[0];
  return element;
}

document.addEventListener("alpine:init", () => {
  Alpine.data("log", () => ({
    filter: "",
    following: true,
    isEmpty: false,

    init() {
      new LiveChannel(`/ws/services/${this.$root.dataset.service}/log`, (frame) => this.frame(frame), () => {});
    },

    frame({ type, lines, unfinished }) {
      const box = this.$refs.lines;
      if (type === "snapshot") box.replaceChildren();
      box.querySelector("[data-unfinished]")?.remove();
      const added = lines.map(lineElement);
      if (unfinished) {
        const last = lineElement(unfinished);
        last.dataset.unfinished = "";
        added.push(last);
      }
      for (const element of added) this.hideUnlessWanted(element);
      box.append(...added);
      while (box.childElementCount > MOST_LINES) box.firstElementChild.remove();
      this.isEmpty = box.childElementCount === 0;
      this.toEnd();
    },

    apply() {
      for (const element of this.$refs.lines.children) this.hideUnlessWanted(element);
      this.toEnd();
    },

    hideUnlessWanted(element) {
      element.hidden = !element.textContent.toLowerCase().includes(this.filter.toLowerCase());
    },

    toEnd() {
      if (this.following) this.$refs.lines.scrollTop = this.$refs.lines.scrollHeight;
    },

    // Somebody who scrolls up wants to read in peace; back at the end the log moves again.
    scrolled() {
      const box = this.$refs.lines;
      this.following = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
    },
  }));
});
