"""Runs the services of the pod: supervisord's configuration and plug-in."""
