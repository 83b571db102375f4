import { element, icon } from "../lib/dom.js";
import { formatDuration } from "../lib/format.js";
import { jobCards } from "./job-card.js";

const BADGES = {
  ready: ["muted", "circle-dashed", "waits"],
  waiting: ["warning", "triangle-alert", "needs approval"],
  approved: ["primary", "check", "approved"],
  running: ["primary", "loader-circle", "runs"],
  succeeded: ["success", "circle-check", "done"],
  failed: ["danger", "circle-x", "failed"],
  denied: ["muted", "ban", "denied"],
  expired: ["muted", "clock", "expired"],
  cancelled: ["muted", "ban", "cancelled"],
  interrupted: ["warning", "triangle-alert", "interrupted"],
};
const TONES = { "+": "text-success", "-": "text-danger", "~": "text-warning" };
const MOST_SHOWN = 20_000;

/** A call of a tool: folded, with arguments, result and duration; open while it waits for a decision. */
export function callCard(call, decide) {
  const card = element("article", { className: "call", data: { call: call.id, state: call.state } });
  if (call.state === "waiting") card.append(approval(call, decide));
  else card.append(details(call), ...outcome(call));
  return card;
}

function details(call) {
  const [tone, symbol, label] = BADGES[call.state];
  const summary = element(
    "summary",
    { className: "call-summary" },
    icon("workflow"),
    element("span", { className: "min-w-0 grow truncate", textContent: call.title }),
    element("span", { className: "text-muted tabular-nums", textContent: duration(call) }),
    element("span", { className: `badge text-${tone}` }, icon(symbol), label),
  );
  return element(
    "details",
    { className: "call-details" },
    summary,
    block("Arguments", pretty(call.arguments)),
    call.result ? block("Result", pretty(call.result)) : "",
  );
}

/** What a call has changed, where it is worth more than a folded result. */
function outcome(call) {
  if (call.state === "failed") return [element("p", { className: "call-error", textContent: firstLines(call.result) })];
  if (call.state !== "succeeded") return [];
  const result = parsed(call.result);
  return [...(result?.diff ? [diff(result.diff)] : []), ...jobCards(result)];
}

function approval(call, decide) {
  const [effect, ...lines] = call.effect.split("\n");
  const buttons = element(
    "div",
    { className: "flex flex-wrap gap-2" },
    choice("Approve", "button button-primary", () => decide(call, { approve: true })),
    choice("Always in this conversation", "button", () => decide(call, { approve: true, always: true })),
    choice("Deny", "button", () => decide(call, { approve: false })),
  );
  return element(
    "div",
    { className: "approval", role: "group", ariaLabel: `Approve: ${call.title}` },
    element("p", { className: "flex items-center gap-2 font-medium" }, icon("triangle-alert"), call.title),
    element("p", { textContent: effect }),
    lines.length ? element("pre", { className: "call-text", textContent: lines.join("\n"), tabIndex: 0 }) : "",
    call.cost ? element("p", { className: "text-sm text-muted", textContent: call.cost }) : "",
    element(
      "details",
      { className: "text-sm" },
      element("summary", { className: "text-muted", textContent: `${call.tool}: all arguments` }),
      element("pre", { className: "call-text", textContent: pretty(call.arguments), tabIndex: 0 }),
    ),
    buttons,
  );
}

function choice(label, className, act) {
  const button = element("button", { type: "button", className, textContent: label });
  button.addEventListener("click", async () => {
    const group = button.closest("div");
    for (const other of group.children) other.disabled = true;
    if (!(await act())) for (const other of group.children) other.disabled = false;
  });
  return button;
}

function diff(text) {
  const lines = text.split("\n").map((line) => {
    const tone = TONES[line.trimStart()[0]] ?? "";
    return element("span", { className: `block ${tone}`, textContent: line || " " });
  });
  return element("pre", { className: "call-text call-diff", tabIndex: 0, ariaLabel: "Changes" }, ...lines);
}

function block(label, text) {
  return element(
    "div",
    {},
    element("p", { className: "label", textContent: label }),
    element("pre", { className: "call-text", textContent: text, tabIndex: 0 }),
  );
}

function duration({ started_at: started, ended_at: ended }) {
  if (!started || !ended) return "";
  const seconds = (new Date(ended) - new Date(started)) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : formatDuration(Math.round(seconds));
}

function pretty(text) {
  const content = parsed(text);
  return shortened(content === undefined ? text : JSON.stringify(content, null, 2));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function firstLines(text) {
  return text.split("\n").slice(0, 4).join("\n").slice(0, 600);
}

function shortened(text) {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}\n…` : text;
}
