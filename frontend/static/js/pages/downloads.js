import { downloadQueue, schedule, throughput } from "../components/download-queue.js";
import { retryCountdown, transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ downloadQueue, retryCountdown, schedule, throughput, transfer });
