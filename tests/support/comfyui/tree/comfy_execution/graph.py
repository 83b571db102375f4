"""What a node returns to stop the nodes after it."""


class ExecutionBlocker:
    def __init__(self, message: str | None) -> None:
        self.message = message
