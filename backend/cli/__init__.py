"""The command line: `comfypod`. It speaks to a control plane as any other program would, over its API."""
