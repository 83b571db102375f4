import { presetSelection } from "../components/preset-selection.js";
import { start } from "../lib/start.js";

start({ presetSelection });
