"""Comfy API v2 (`/api/v2`): the protocol of the official `comfy-sdk`, translated to jobs. No queue of its own."""
