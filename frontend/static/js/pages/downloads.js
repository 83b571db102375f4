import { retryCountdown } from "../components/retry-countdown.js";
import { schedule } from "../components/schedule.js";
import { transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ retryCountdown, schedule, transfer });
