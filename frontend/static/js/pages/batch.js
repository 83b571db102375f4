import { start } from "../lib/start.js";

start();
