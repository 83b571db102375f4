// One socket per channel and page. The server sends a snapshot first, so coming back needs no catching up.
class LiveChannel {
  constructor(path, onFrame, onState) {
    this.path = path;
    this.onFrame = onFrame;
    this.onState = onState;
    this.pause = 500;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.lost(event.code));
  }

  receive(frame) {
    if (frame.type === "snapshot") {
      this.pause = 500;
      this.onState(true);
    }
    this.onFrame(frame);
  }

  async lost(code) {
    this.onState(false);
    if (code === 4401 || (await this.signedOut())) {
      location.assign(`/_pod/sign-in?next=${encodeURIComponent(location.pathname)}`);
      return;
    }
    setTimeout(() => this.open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, 10000);
  }

  async signedOut() {
    try {
      return (await fetch("/api/auth/me")).status === 401;
    } catch {
      return false; // the control plane is away, which says nothing about the session
    }
  }
}

document.addEventListener("alpine:init", () => {
  Alpine.store("live", { connected: true });

  Alpine.store("downloads", {
    rows: {},

    frame(frame) {
      if (frame.type === "progress") {
        for (const row of frame.rows) this.progress(row);
        return;
      }
      if (frame.type === "snapshot") this.rows = {};
      if (frame.type === "changed") this.rows[frame.transfer.id] = frame.transfer;
      for (const transfer of frame.transfers ?? []) this.rows[transfer.id] = transfer;
      document.body.dispatchEvent(new CustomEvent("transfers-changed"));
    },

    progress([id, received, total, speed, secondsLeft, checked, connections]) {
      const transfer = this.rows[id];
      if (transfer) Object.assign(transfer, { received, bytes: total, speed, seconds_left: secondsLeft, checked, connections });
    },

    get active() {
      return Object.values(this.rows).filter((row) => ["queued", "running", "verifying", "retrying"].includes(row.state));
    },

    get summary() {
      const running = this.active;
      if (running.length === 0) return "";
      const speed = running.reduce((sum, row) => sum + (row.speed ?? 0), 0);
      return `${running.length} ${running.length === 1 ? "download" : "downloads"} · ${human.bytes(speed)}/s`;
    },
  });

  // A row of a transfer. What the server rendered stays until the socket knows better.
  Alpine.data("transfer", () => ({
    get row() {
      return Alpine.store("downloads").rows[this.$root.dataset.id];
    },
    // Bytes that have arrived; while they are being checked, those that were.
    get done() {
      if (!this.row) return Number(this.$root.dataset.done);
      return this.row.state === "verifying" ? this.row.checked : this.row.received;
    },
    get size() {
      return this.row ? this.row.bytes : Number(this.$root.dataset.total) || null;
    },
    get total() {
      return this.size || 1;
    },
    get filled() {
      return this.size ? this.done : 0;
    },
    get amount() {
      if (!this.size) return human.bytes(this.done);
      return `${Math.floor((100 * this.done) / this.size)} % · ${human.bytes(this.done)} of ${human.bytes(this.size)}`;
    },
    get pace() {
      if (this.row?.state === "verifying") return "checked";
      if (this.row?.state !== "running") return "";
      const { speed, seconds_left: left, connections } = this.row;
      const lines = connections === 1 ? "1 connection" : `${connections} connections`;
      return [connections && lines, speed && `${human.bytes(speed)}/s`, speed && human.duration(left)].filter(Boolean).join(" · ");
    },
  }));

  // When a transfer that waits is tried again.
  Alpine.data("again", () => ({
    get words() {
      const seconds = Math.ceil((new Date(this.$root.dataset.at) - Alpine.store("clock").now) / 1000);
      return seconds > 0 ? `Tries again in ${human.span(seconds)}.` : "Tries again now.";
    },
  }));

  Alpine.store("clock", { now: Date.now() });
  setInterval(() => {
    Alpine.store("clock").now = Date.now();
  }, 1000);

  if (document.body.dataset.live !== "yes") return;
  const seen = (connected) => { Alpine.store("live").connected = connected; };
  new LiveChannel("/ws/downloads", (frame) => Alpine.store("downloads").frame(frame), seen);
});
