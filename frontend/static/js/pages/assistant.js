import { assistant } from "../components/assistant.js";
import { start } from "../lib/start.js";

start({ assistant });
