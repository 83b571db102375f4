import { browserNotifications } from "../components/browser-notifications.js";
import { start } from "../lib/start.js";

start({ browserNotifications });
