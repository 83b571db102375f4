"""Webhooks: signed requests to other programs when jobs, batches and the queue end."""
