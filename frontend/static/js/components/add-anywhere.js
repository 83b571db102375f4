import htmx from "../../vendor/htmx.js";
import { toasts } from "../stores/toasts.js";

const HUBS = /^https?:\/\/([\w-]+\.)*(huggingface\.co|hf\.co|civitai\.com|civitai\.red)\//i;
const MODEL_FILE = /^https?:\/\/\S+\.(safetensors|gguf|ckpt|pth?|bin|onnx|sft)(\?\S*)?$/i;
const AIR = /^urn:air:\S+$/i;

/** Show what a dropped or pasted file, text or URL needs. The page with the answer has an address of its own. */
export function add(file, text) {
  if (file) send(file);
  else if ([HUBS, MODEL_FILE, AIR].some((pattern) => pattern.test(text))) {
    location.assign(`/downloads/add?url=${encodeURIComponent(text)}`);
  } else if (text.startsWith("{")) send(new File([text], "workflow.json", { type: "application/json" }));
  else toasts.show("info", "Drop or paste a workflow, a picture made by ComfyUI, or a URL of Hugging Face or Civitai.");
}

function send(file) {
  const form = document.createElement("form");
  form.setAttribute("hx-encoding", "multipart/form-data");
  form.hidden = true;
  const input = Object.assign(document.createElement("input"), { type: "file", name: "workflow" });
  const chosen = new DataTransfer();
  chosen.items.add(file);
  input.files = chosen.files;
  form.append(input);
  document.body.append(form);
  htmx.ajax("POST", "/presets/from-workflow/keep", { source: form, swap: "none" }).finally(() => form.remove());
}
