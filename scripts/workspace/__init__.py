"""Prepares the workspace of a pod and starts ComfyUI in it. docs/workspace.md tells the whole story."""
