import Alpine from "../../vendor/alpine-csp.js";

/** Whether the control plane answers. Assumed until the first connection is lost. */
export const connection = Alpine.reactive({ isOpen: true });
