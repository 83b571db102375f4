import { quietHours } from "../components/quiet-hours.js";
import { start } from "../lib/start.js";

start({ quietHours });
