import { formatBytes } from "../lib/format.js";

const NO_ANSWER = "The control plane does not answer. Try again in a moment.";

/** An input of a form that is a file of ComfyUI's input folder, with a preview and an upload. */
export const fileInput = () => ({
  address: "",
  isOver: false,
  isFailed: false,
  isMissing: false,
  isUploading: false,
  progress: 0,
  message: "",

  init() {
    this.isMissing = "missing" in this.$root.dataset;
    this.show(this.isMissing);
  },

  get highlight() {
    return this.isOver ? "file-input-over" : "";
  },
  get isShown() {
    return Boolean(this.address);
  },
  get isEmpty() {
    return !this.address;
  },
  get status() {
    if (this.message) return this.message;
    return this.isMissing && this.$refs.name.value ? `${this.$refs.name.value} is not on this pod. Upload one.` : "";
  },
  get tone() {
    if (this.isFailed) return "text-danger";
    return this.isMissing && !this.message ? "text-warning" : "text-muted";
  },

  enter() {
    this.isOver = true;
  },
  leave() {
    this.isOver = false;
  },
  drop(event) {
    this.isOver = false;
    this.send(event.dataTransfer.files[0]);
  },
  paste(event) {
    const [file] = event.clipboardData.files;
    if (!file) return;
    event.preventDefault();
    this.send(file);
  },
  choose() {
    this.$refs.file.click();
  },
  upload() {
    this.send(this.$refs.file.files[0]);
    this.$refs.file.value = "";
  },

  /** Show the file that the field names. `isMissing`: there is none. */
  show(isMissing = false) {
    const name = this.$refs.name.value.replace(/ \[input\]$/, "");
    this.isMissing = isMissing === true;
    this.address = name && !this.isMissing ? `/api/inputs/${name.split("/").map(encodeURIComponent).join("/")}` : "";
    this.message = "";
    this.isFailed = false;
  },
  fail() {
    this.address = "";
    this.isMissing = true;
  },

  send(file) {
    if (!file || this.isUploading) return;
    this.start(file);
    const request = new XMLHttpRequest();
    request.open("POST", `/api/inputs?name=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      this.progress = total ? loaded / total : 0;
    });
    request.addEventListener("loadend", () => this.end(request, file));
    request.send(file);
  },
  start(file) {
    this.isUploading = true;
    this.isFailed = false;
    this.progress = 0;
    this.message = `Uploading ${file.name}, ${formatBytes(file.size)} …`;
    this.$dispatch("upload-started");
  },
  end(request, file) {
    this.isUploading = false;
    this.$dispatch("upload-ended");
    if (request.status === 201) {
      this.$refs.name.value = request.response.name;
      this.show();
      this.message = `${file.name} is uploaded, ${formatBytes(file.size)}.`;
    } else {
      this.isFailed = true;
      this.message = request.response?.error?.message ?? NO_ANSWER;
    }
  },
});
