"""Conversations with the assistant: what the control plane and the agents process share."""
