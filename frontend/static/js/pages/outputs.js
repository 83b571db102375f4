import { Gallery } from "../components/gallery.js";
import { start } from "../lib/start.js";

start();
new Gallery();
