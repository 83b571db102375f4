"""Errors of the agents process. Their messages are for the user."""


class ModelFailure(Exception):
    """A request to the model has failed. `temporary`: the same request may succeed later."""

    def __init__(self, message: str, *, temporary: bool = False, retry_after: float | None = None):
        super().__init__(message)
        self.message = message
        self.temporary = temporary
        # Seconds to wait, as the provider demands.
        self.retry_after = retry_after


class ToolFailure(Exception):
    """A call has failed; the message is for the model and the user."""


class PodAway(Exception):
    """The control plane does not answer, so no tool can be called."""


class PodRefuses(Exception):
    """The control plane does not accept the assistant's key."""
