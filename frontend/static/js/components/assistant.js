import { LiveChannel } from "../lib/live-channel.js";
import { toasts } from "../stores/toasts.js";
import { Thread } from "./thread.js";

const API = "/api/assistant/conversations";
const QUESTIONS = {
  job: "What happened in this job?",
  log: "Is anything wrong in this log?",
  workflow: "Explain this workflow.",
};
const NO_ANSWER = "The control plane does not answer. Your message is still in the field: send it again in a moment.";

/** A conversation with the assistant: what was said, what happens, and the field to write in. */
export const assistant = () => ({
  text: "",
  state: "idle",
  process: "",
  retrying: "",
  tokens: 0,
  cost: 0,
  attachment: null,
  name: "",
  isNew: true,
  isSending: false,

  init() {
    const { id, attachment } = this.$root.dataset;
    this.id = id;
    this.attachment = attachment ? JSON.parse(attachment) : null;
    this.thread = new Thread(this.$refs.messages, (call, decision) => this.decide(call, decision));
    this.text = QUESTIONS[this.attachment?.kind] ?? "";
    if (this.id) this.follow();
    else this.$refs.text.focus();
  },

  follow() {
    this.isNew = false;
    this.channel = new LiveChannel(this.path(0), (frame) => this.receive(frame));
  },

  path(after) {
    return `/ws/assistant/${this.id}?after=${after}`;
  },

  receive(frame) {
    if (frame.type === "snapshot") {
      Object.assign(this, { state: frame.state, tokens: frame.tokens, cost: frame.cost, name: frame.title });
      for (const event of frame.events) this.show(event);
    } else if (frame.type === "process") this.process = frame.state;
    else this.show(frame);
  },

  show(event) {
    const { type, number, data } = event;
    this.channel.path = this.path(number); // a reconnection continues from here
    this.retrying = type === "retrying" ? data.message : "";
    if (type === "state") this.state = data.state;
    if (type === "user") this.name ||= firstLine(data.text);
    if (type === "usage") Object.assign(this, { tokens: data.input_tokens + data.output_tokens, cost: data.cost });
    this.thread.apply(event);
  },

  get title() {
    return this.name || "Assistant";
  },
  get isBusy() {
    return this.state === "running";
  },
  get isEmpty() {
    return this.text.trim() === "" || this.isSending;
  },
  get hasUsage() {
    return this.tokens > 0;
  },
  get usage() {
    return this.cost > 0 ? `$${this.cost.toFixed(this.cost < 1 ? 3 : 2)}` : `${this.tokens} tokens`;
  },
  get hasStatus() {
    return this.status !== "";
  },
  get status() {
    if (!this.isBusy) return "";
    if (this.process === "starting") return "The assistant starts …";
    return this.retrying ? `${this.retrying} It tries again …` : "The assistant works …";
  },
  get hasAttachment() {
    return this.attachment !== null;
  },
  get attachmentLabel() {
    return this.attachment ? `About the ${this.attachment.kind} ${this.attachment.id}` : "";
  },

  removeAttachment() {
    this.attachment = null;
  },
  suggest(event) {
    this.text = event.target.dataset.text;
    this.$refs.text.focus();
  },
  grow() {
    this.$refs.text.rows = Math.min(10, this.text.split("\n").length);
  },
  onKey(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send(event);
    }
  },

  async send(event) {
    event.preventDefault();
    if (this.isEmpty) return;
    const text = this.text;
    const attachments = this.attachment ? [this.attachment] : [];
    this.isSending = true;
    this.text = "";
    this.grow();
    this.isNew = false;
    this.thread.sending(text, attachments);
    if (await this.deliver(text, attachments)) this.attachment = null;
    else {
      this.thread.notSent();
      this.text = text;
    }
    this.isSending = false;
  },

  async deliver(text, attachments) {
    if (!this.id) {
      const conversation = await request(API, {});
      if (!conversation) return false;
      this.id = conversation.id;
      history.replaceState(null, "", `/assistant/${this.id}`);
      this.follow();
    }
    this.state = "running";
    const sent = await request(`${API}/${this.id}/messages`, { text, attachments });
    if (!sent) this.state = "idle";
    else document.body.dispatchEvent(new CustomEvent("conversations-changed"));
    return sent !== null;
  },

  async stop() {
    await request(`${API}/${this.id}/stop`);
  },

  async decide(call, decision) {
    const path = `${API}/${this.id}/calls/${encodeURIComponent(call.id)}/decision`;
    return (await request(path, decision)) !== null;
  },
});

function firstLine(text) {
  return text.split("\n")[0].slice(0, 80);
}

/** Post JSON. Return the answer, and null after a toast when there is none. */
async function request(path, body) {
  let response;
  try {
    const headers = { "Content-Type": "application/json" };
    response = await fetch(path, { method: "POST", headers, body: body ? JSON.stringify(body) : undefined });
  } catch {
    toasts.show("error", NO_ANSWER);
    return null;
  }
  if (response.status === 204) return true;
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  toasts.show("error", answer?.error?.message ?? NO_ANSWER);
  return null;
}
