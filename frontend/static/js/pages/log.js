import { log } from "../components/log.js";
import { start } from "../lib/start.js";

start({ log });
