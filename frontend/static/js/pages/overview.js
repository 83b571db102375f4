import { transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ transfer });
