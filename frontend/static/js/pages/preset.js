import { presetProgress } from "../components/preset-progress.js";
import { retryCountdown, transfer } from "../components/transfer.js";
import { start } from "../lib/start.js";

start({ presetProgress, retryCountdown, transfer });
