import { dropzone } from "../components/dropzone.js";
import { followDownloads } from "../components/follow-downloads.js";
import { retryCountdown, transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ dropzone, followDownloads, retryCountdown, transfer });
