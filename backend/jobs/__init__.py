"""Runs ComfyUI workflows in batches: a queue that survives anything, attempts, retries, results."""
