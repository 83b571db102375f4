import { filePicker } from "../components/file-picker.js";
import { start } from "../lib/start.js";

start({ filePicker });
