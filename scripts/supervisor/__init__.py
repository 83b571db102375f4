"""How the pod runs its services: supervisord's configuration and plug-in."""
