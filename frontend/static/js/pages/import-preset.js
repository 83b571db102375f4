import { dropzone } from "../components/dropzone.js";
import { start } from "../lib/start.js";

start({ dropzone });
