"""Errors of deliveries."""


class DeliveryError(Exception):
    """A message was not delivered; the text gives the reason."""

    def __init__(self, reason: str, *, is_final: bool = False):
        """`is_final`: a retry cannot succeed until the user changes something."""
        super().__init__(reason)
        self.is_final = is_final
