"""Provisioning: bring a pod to the state that one document describes."""
