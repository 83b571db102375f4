"""Builds the application and wires the rooms together."""
