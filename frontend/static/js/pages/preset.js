import { retryCountdown } from "../components/retry-countdown.js";
import { transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ retryCountdown, transfer });
