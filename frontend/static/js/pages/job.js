import { runningJob } from "../components/running-job.js";
import { start } from "../lib/start.js";

start({ runningJob });
