"""Configuration and hooks of Schemathesis, which sends generated requests."""
