"""Errors, database, events, clock, logging: what every room may use, and what knows no room."""
