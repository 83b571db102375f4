"""How long a failed transfer pauses before it is retried. `Worker` decides whether it is."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RetryPauses:
    """How often, and after which pauses, errors that usually pass are retried."""

    times: int = 3
    first_pause: float = 2.0
    factor: float = 4.0
    # Servers may ask for longer pauses than we choose.
    longest_pause: float = 300.0
    longest_requested: float = 86_400.0

    def pause_after(self, failures: int, requested: float | None) -> float:
        """Return the seconds before the next try, with jitter so that pods do not retry at the same moment.

        `requested` is what the server asks for.
        """
        grown = self.first_pause * self.factor ** (failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        return max(min(grown, self.longest_pause), min(requested or 0.0, self.longest_requested))

    def limited(self, seconds: float) -> float:
        """Return a pause from an earlier run within the limits: the clock may have been changed since."""
        return min(max(0.0, seconds), self.longest_requested)
