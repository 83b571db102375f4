"""Prepares the workspace of a pod and starts ComfyUI in it. See docs/workspace.md."""
