import { fileSelection } from "../components/file-selection.js";
import { treemap } from "../components/treemap.js";
import { start } from "../lib/start.js";

start({ fileSelection, treemap });
