import { fileInput } from "../components/file-input.js";
import { newJob } from "../components/new-job.js";
import { start } from "../lib/start.js";

start({ fileInput, newJob });
