import { comparison } from "../components/comparison.js";
import { start } from "../lib/start.js";

start({ comparison });
