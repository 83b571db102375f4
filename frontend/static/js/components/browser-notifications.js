import { LiveChannel } from "../lib/live-channel.js";

const KEY = "notifications";

function isAllowed() {
  return globalThis.Notification?.permission === "granted" && localStorage.getItem(KEY) === "on";
}

/** Show the messages of the pod while a page is open, if the user of this browser has allowed it. */
export function showNotifications() {
  if (isAllowed()) new LiveChannel("/ws/notifications", show);
}

function show({ type, title, body, id }) {
  // The tag makes several open tabs show one notification.
  if (type === "notification") new Notification(title, { body, tag: `comfypod-${id}`, icon: icon() });
}

function icon() {
  return document.querySelector("link[rel=icon]").href;
}

/** The switch in Settings. */
export const browserNotifications = () => ({
  on: isAllowed(),

  get label() {
    return this.on ? "Turn off in this browser" : "Allow in this browser";
  },
  get state() {
    if (!("Notification" in globalThis)) return "This browser shows no notifications.";
    if (Notification.permission === "denied")
      return "This browser refuses notifications of this page. Allow them in its settings.";
    return this.on ? "This browser shows notifications." : "This browser shows no notifications yet.";
  },
  async toggle() {
    if (this.on) {
      localStorage.removeItem(KEY);
      this.on = false;
      return;
    }
    const permission = await globalThis.Notification?.requestPermission();
    if (permission !== "granted") return;
    localStorage.setItem(KEY, "on");
    this.on = true;
    showNotifications();
  },
});
