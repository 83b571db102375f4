import { checkboxes } from "../components/checkboxes.js";
import { saveFile } from "../components/save-file.js";
import { start } from "../lib/start.js";

start({ checkboxes, saveFile });
