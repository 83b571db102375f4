"""When what failed is tried again."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and after which pauses a passing fault is tried again."""

    times: int = 3
    first_pause: float = 2.0
    factor: float = 4.0
    # Of pauses that grow by themselves; a server may ask for longer ones.
    longest_pause: float = 300.0
    longest_asked: float = 86_400.0

    def pause_after(self, failures: int, asked: float | None) -> float:
        """Seconds before the next try. `asked` is what the server wants; jitter keeps pods from coming together."""
        grown = self.first_pause * self.factor ** (failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        return max(min(grown, self.longest_pause), min(asked or 0.0, self.longest_asked))
