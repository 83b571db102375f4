import { downloadQueue } from "../components/download-queue.js";
import { schedule } from "../components/schedule.js";
import { throughput } from "../components/throughput.js";
import { retryCountdown, transfer } from "../components/transfer.js";
import { showProgressInTab } from "../lib/page-progress.js";
import { start } from "../lib/start.js";

start({ downloadQueue, retryCountdown, schedule, throughput, transfer });
showProgressInTab();
