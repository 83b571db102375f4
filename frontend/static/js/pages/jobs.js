import { jobQueue } from "../components/job-queue.js";
import { runningJob } from "../components/running-job.js";
import { start } from "../lib/start.js";

start({ jobQueue, runningJob });
