"""The append-only log of what happened on this pod, who did it, and to what."""
