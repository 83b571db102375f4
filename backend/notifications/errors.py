"""Errors of deliveries."""


class DeliveryError(Exception):
    """The receiver did not get a message; the text says why."""

    def __init__(self, reason: str, *, is_final: bool = False):
        """`is_final`: another attempt within minutes cannot succeed, because a user has to change something."""
        super().__init__(reason)
        self.is_final = is_final
