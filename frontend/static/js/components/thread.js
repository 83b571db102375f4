import { element, icon } from "../lib/dom.js";
import { callCard } from "./call-card.js";

const NEAR_END = 120; // pixels

/** Shows the events of a conversation. An event that was shown before changes what it stands for, or nothing. */
export class Thread {
  constructor(root, decide) {
    this.root = root;
    this.decide = decide;
    this.partial = null; // the answer that arrives
    this.calls = new Map();
    this.turn = null;
  }

  apply({ type, item, data }) {
    const wasAtEnd = this.isAtEnd();
    this[`on_${type}`]?.(data, item);
    if (wasAtEnd) this.scrollToEnd();
  }

  /** Show a message of the user before the server has it. */
  sending(text, attachments) {
    this.unsent = this.userMessage(text, attachments);
    this.unsent.classList.add("message-unsent");
    this.scrollToEnd();
  }

  notSent() {
    this.unsent?.remove();
    this.unsent = null;
  }

  on_user({ text, attachments }) {
    this.notSent();
    this.userMessage(text, attachments);
  }

  on_text({ text }) {
    this.partial ??= new PartialAnswer(this.root);
    this.partial.add(text);
  }

  on_arguments({ tool }) {
    this.partial ??= new PartialAnswer(this.root);
    this.partial.prepare(tool);
  }

  on_discarded() {
    this.partial?.remove();
    this.partial = null;
  }

  async on_assistant({ text, stopped }) {
    const message = element("div", { className: "message message-assistant prose" });
    if (this.partial) this.partial.replaceWith(message);
    else this.root.append(message);
    this.partial = null;
    const wasAtEnd = this.isAtEnd();
    await render(message, text);
    if (stopped) message.append(element("p", { className: "text-sm text-muted", textContent: "Stopped." }));
    if (wasAtEnd) this.scrollToEnd();
  }

  /** The answer is complete. One without text leaves nothing. */
  on_usage() {
    this.on_discarded();
  }

  on_call(call) {
    if (this.partial?.text === "") this.on_discarded();
    const card = callCard(call, this.decide);
    const shown = this.calls.get(call.id);
    const wasOpen = shown?.querySelector("details.call-details")?.open;
    if (shown) shown.replaceWith(card);
    else this.root.append(card);
    const details = card.querySelector("details.call-details");
    if (wasOpen && details) details.open = true;
    this.calls.set(call.id, card);
  }

  on_notice({ message }) {
    const notice = element("p", { className: "message-notice text-warning" }, icon("triangle-alert"), message);
    this.root.append(notice);
  }

  on_turn({ reason, message }) {
    this.on_discarded();
    const text = message || (reason === "stopped" ? "Stopped." : "");
    if (!text) return;
    const tone = reason === "failed" ? "text-danger" : "text-muted";
    const symbol = reason === "failed" ? "circle-x" : "info";
    this.root.append(element("p", { className: `message-notice ${tone}`, role: "status" }, icon(symbol), text));
  }

  userMessage(text, attachments) {
    const chips = attachments.map(({ kind, id, title }) =>
      element("span", { className: "badge text-muted" }, icon("file-text"), title || `${kind} ${id}`),
    );
    const message = element(
      "div",
      { className: "message message-user" },
      element("p", { className: "whitespace-pre-wrap", textContent: text }),
      ...chips,
    );
    this.root.append(message);
    return message;
  }

  isAtEnd() {
    const page = document.scrollingElement;
    return page.scrollHeight - page.scrollTop - innerHeight < NEAR_END;
  }

  scrollToEnd() {
    scrollTo({ top: document.scrollingElement.scrollHeight });
  }
}

/** An answer that arrives. It is laid out at most once per frame. */
class PartialAnswer {
  constructor(root) {
    this.text = "";
    this.body = element("div", { className: "message message-assistant prose", ariaBusy: "true" });
    this.tools = element("p", { className: "text-sm text-muted" });
    this.root = element("div", { className: "contents" }, this.body, this.tools);
    root.append(this.root);
  }

  add(text) {
    this.text += text;
    if (this.frame) return;
    this.frame = requestAnimationFrame(async () => {
      await render(this.body, this.text);
      this.frame = null;
    });
  }

  prepare(tool) {
    this.tools.textContent = `Prepares ${tool} …`;
  }

  replaceWith(message) {
    cancelAnimationFrame(this.frame);
    this.root.replaceWith(message);
  }

  remove() {
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }
}

// Loaded with the first answer, so that the page itself stays light.
async function render(target, text) {
  const { markdown } = await import("../lib/markdown.js");
  target.replaceChildren(markdown(text));
}
