"""Templating, htmx helpers, WebSockets, error pages. Imports no feature package."""
