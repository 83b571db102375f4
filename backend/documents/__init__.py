"""Workflows that users and assistants edit: immutable versions on the volume, patches, comparison, validation."""
