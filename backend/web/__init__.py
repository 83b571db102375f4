"""Templating, htmx helpers, sockets, error pages. Knows no feature."""
