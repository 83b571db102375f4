"""Turns one URL into one verified file. Knows no queue and no database."""
