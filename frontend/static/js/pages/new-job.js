import { newJob } from "../components/new-job.js";
import { start } from "../lib/start.js";

start({ newJob });
