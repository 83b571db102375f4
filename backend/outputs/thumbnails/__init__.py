"""Small pictures of outputs, rendered by short-lived processes: the control plane runs no decoder."""
