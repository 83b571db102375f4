"""Settings that the user changes while the pod runs. `config` has the variables that are read at start."""
