import Alpine from "../../vendor/alpine-csp.js";

/** Whether the control plane answers. Assumed until the first connection is lost. */
export const connection = Alpine.reactive({ isOpen: true });

const SESSION_ENDED = 4401;
const FIRST_PAUSE = 500; // milliseconds
const LONGEST_PAUSE = 10_000;
const SNAPSHOT_TIMEOUT = 15_000;

/**
 * Keep a socket open on `path` and pass its frames on. The server sends a snapshot first, so a reconnect needs no
 * replay. `onState` gets true with each snapshot and false when the connection is lost. With `whileVisible`, a hidden
 * tab closes its socket, and opens it again when it is shown.
 */
export class LiveChannel {
  constructor(path, onFrame, { onState = () => {}, whileVisible = false } = {}) {
    this.path = path;
    this.onFrame = onFrame;
    this.onState = onState;
    this.whileVisible = whileVisible;
    this.pause = FIRST_PAUSE;
    this.socket = null;
    if (whileVisible) document.addEventListener("visibilitychange", () => this.follow());
    // A network that drops everything does not close a socket.
    document.addEventListener("no-answer", () => this.reset());
    addEventListener("offline", () => this.reset());
    addEventListener("online", () => this.follow());
    this.follow();
  }

  /** Open the socket, or close it while the tab is hidden. */
  follow() {
    if (!(this.whileVisible && document.hidden)) {
      if (this.socket === null) this.open();
      return;
    }
    const unwanted = this.socket;
    this.socket = null;
    clearTimeout(this.timeout);
    unwanted?.close();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket = socket;
    socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => {
      if (socket === this.socket) this.reconnect(event.code);
    });
    this.timeout = setTimeout(() => this.reset(), SNAPSHOT_TIMEOUT);
  }

  /** Reconnect although the socket looks open. */
  reset() {
    const silent = this.socket;
    if (silent === null) return; // about to be opened
    this.reconnect();
    silent.close();
  }

  receive(frame) {
    if (frame.type === "snapshot") {
      clearTimeout(this.timeout);
      this.pause = FIRST_PAUSE;
      this.onState(true);
    }
    this.onFrame(frame);
  }

  async reconnect(closeCode) {
    this.socket = null;
    clearTimeout(this.timeout);
    this.onState(false);
    if (closeCode === SESSION_ENDED || (await isSignedOut())) {
      location.assign(`/_pod/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
    setTimeout(() => this.follow(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }
}

async function isSignedOut() {
  try {
    return (await fetch("/api/auth/me")).status === 401;
  } catch {
    return false; // the control plane is unreachable, which says nothing about the session
  }
}
