"""Why an operation on a custom node failed."""


class NodeError(Exception):
    """Nothing was changed; the message says what happened and what to do."""
