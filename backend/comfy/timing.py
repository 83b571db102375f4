"""How long the client waits for what."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds."""

    # For a whole response of ordinary size.
    response: float = 10.0
    # Validating a large graph takes a while, more so when a node keeps ComfyUI busy.
    submission: float = 60.0
    # The description of all node types is put together for seconds.
    all_node_types: float = 60.0
    upload: float = 600.0
    # A connection that gives no byte for so long counts as broken.
    quiet: float = 30.0
    # Between two questions about a prompt that is followed.
    poll: float = 2.0
    # Until the next question when ComfyUI does not answer.
    retry: float = 1.0
    # How long a running prompt may tell nothing before its socket is suspected. Doubled, up to the second, each time
    # that it was in vain: some nodes tell nothing for half an hour.
    silence: float = 30.0
    longest_silence: float = 600.0
    # How long to wait for a ComfyUI that does not answer.
    unreachable_limit: float = 900.0
