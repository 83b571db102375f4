import { fileInput } from "../components/file-input.js";
import { scheduleForm } from "../components/schedule-form.js";
import { start } from "../lib/start.js";

start({ fileInput, scheduleForm });
