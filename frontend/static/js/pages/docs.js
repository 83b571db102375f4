import { start } from "../lib/start.js";

start();
// Deep links would put links into buttons, which keyboards and screen readers cannot reach.
window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger", deepLinking: false, validatorUrl: null });
