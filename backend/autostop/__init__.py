"""Automatic stop: detects that the pod is idle, and stops it through its host."""
