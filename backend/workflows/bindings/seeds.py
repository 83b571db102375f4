"""Seeds change from run to run, as the editor changes them: without that, ComfyUI returns the earlier result."""

import random
from collections.abc import Iterable, Mapping

from backend.workflows.bindings.models import Binding

# The editor's own limit: larger numbers lose digits in a browser.
MAX_SEED = 2**50


def roll_seeds(
    bindings: Iterable[Binding],
    given: Mapping[str, object] = {},
    previous: Mapping[str, int] | None = None,
    rng: random.Random | None = None,
) -> dict[str, int]:
    """Return the value of the next run for each number that the editor would change, by its name.

    `given` are seeds that the caller sets, which stay; `previous` are those of the run before, from which
    `increment` and `decrement` count on.
    """
    rng = rng or random.SystemRandom()
    return {
        item.name: _next(item, previous, rng)
        for item in bindings
        if item.signature.type == "INT"
        and item.control not in (None, "fixed")
        and not {item.name, item.address} & given.keys()
    }


def _next(item: Binding, previous: Mapping[str, int] | None, rng: random.Random) -> int:
    low = int(item.signature.options.get("min", 0))
    high = max(low, min(int(item.signature.options.get("max", MAX_SEED)), MAX_SEED))
    if item.control == "randomize":
        return rng.randint(max(low, 0) if high >= 0 else low, high)
    start = item.default if isinstance(item.default, int) else low
    if previous is None or item.name not in previous:
        return min(max(start, low), high)
    step = -1 if item.control == "decrement" else 1
    return min(max(previous[item.name] + step, low), high)
