import { retryCountdown, transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ retryCountdown, transfer });
