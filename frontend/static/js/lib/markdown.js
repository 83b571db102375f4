import { marked } from "../../vendor/marked.js";
import "../../vendor/purify.js";

// No pictures: their addresses could carry what the model has read to another server.
const ALLOWED = {
  ALLOWED_TAGS:
    "p br hr h1 h2 h3 h4 h5 h6 strong em del code pre blockquote ul ol li table thead tbody tr th td a".split(" "),
  ALLOWED_ATTR: ["href", "title", "start"],
  ALLOWED_URI_REGEXP: /^(https?:|\/(?!\/)|#)/i,
  RETURN_DOM_FRAGMENT: true,
};

// HTML is shown as it is written: no element is made of it, not even one that is removed again.
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
marked.use({ renderer: { html: ({ text }) => text.replace(/[&<>]/g, (sign) => ESCAPES[sign]) } });

/** Return a fragment for Markdown from a model: HTML in it is shown as text. */
export function markdown(text) {
  const fragment = globalThis.DOMPurify.sanitize(marked.parse(text, { gfm: true, breaks: true }), ALLOWED);
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const block of fragment.querySelectorAll("pre, table")) block.tabIndex = 0; // they scroll
  return fragment;
}
