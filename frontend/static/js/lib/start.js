import Alpine from "../../vendor/alpine-csp.js";
import "../../vendor/htmx.js";
import { theme } from "../components/theme.js";
import { toasts } from "../components/toasts.js";
import { connection } from "../stores/connection.js";
import { downloads } from "../stores/downloads.js";
import { LiveChannel } from "./live-channel.js";
import { watchRequests } from "./requests.js";

/** Start a page: what every page has, and the components that this one adds. */
export function start(components = {}) {
  watchRequests();
  Alpine.store("connection", connection);
  Alpine.store("downloads", downloads);
  for (const [name, component] of Object.entries({ theme, toasts, ...components })) Alpine.data(name, component);
  Alpine.start();
  new LiveChannel(
    "/ws/downloads",
    (frame) => downloads.apply(frame),
    (isOpen) => {
      connection.isOpen = isOpen;
    },
  );
}
