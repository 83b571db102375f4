"""Small pictures of outputs, rendered by short-lived processes: no decoder runs in the control plane."""
