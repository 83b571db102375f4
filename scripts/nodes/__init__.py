"""Installs, updates and removes custom nodes."""
