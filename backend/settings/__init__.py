"""What the pod's user sets while it runs. Variables that are read at start are in `config`."""
