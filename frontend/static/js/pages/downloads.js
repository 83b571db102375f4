import { schedule } from "../components/schedule.js";
import { retryCountdown, transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ retryCountdown, schedule, transfer });
