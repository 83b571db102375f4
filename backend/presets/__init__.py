"""Presets: named sets of files, and the workflows that need them."""
