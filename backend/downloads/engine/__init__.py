"""Turns one URL into one verified file. Knows no queue, no database and no transfers."""
