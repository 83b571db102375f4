"""Shared foundations: errors, database, events, clock, logging. Imports no feature package."""
