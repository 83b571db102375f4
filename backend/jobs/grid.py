"""The grid of a batch: inputs that vary, as lists or ranges such as `1..20` or `0.5..1..0.1`. Pure functions."""

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from backend.core.errors import InvalidRequest
from backend.jobs.models import Axis

NUMBER = r"-?\d{1,20}(?:\.\d{1,10})?"
RANGE = re.compile(rf"\s*({NUMBER})\.\.({NUMBER})(?:\.\.({NUMBER}))?\s*")


def axes_of(grid: Mapping[str, Any], most: int) -> tuple[Axis, ...]:
    """Return the axes of a grid, ranges expanded. Raise InvalidRequest when it has more than `most` cells."""
    sizes = {name: _size(name, values) for name, values in grid.items()}
    count_cells(sizes.values(), most)
    return tuple(Axis(input=name, values=tuple(_expanded(values))) for name, values in grid.items())


def count_cells(sizes: Iterable[int], most: int) -> int:
    """Return the product of the sizes. Raise InvalidRequest when it is more than `most`."""
    count = math.prod(sizes)
    if count > most:
        raise InvalidRequest(
            f"This makes {count:,} jobs; at most {most:,} are queued at once. Use fewer values, or several batches.",
            code="too_many_jobs",
            count=count if count < 2**53 else None,
            most=most,
        )
    return count


def cells_of(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Yield every combination, the last axis fastest; a single empty one without axes."""
    names = [axis.input for axis in axes]
    for combination in itertools.product(*(axis.values for axis in axes)):
        yield dict(zip(names, combination, strict=True))


def is_range(text: str) -> bool:
    """Return whether a text is a range such as `1..20`."""
    return RANGE.fullmatch(text) is not None


def _size(name: str, values: Any) -> int:
    if isinstance(values, list) and values:
        return len(values)
    if isinstance(values, str) and is_range(values):
        return _range_size(*_parts(values))
    raise InvalidRequest(
        f"`{name[:100]}` needs a list of values, or a range such as `1..20` or `1..20..5`.",
        code="invalid_grid",
        input=name[:100],
    )


def _expanded(values: Any) -> Iterator[Any]:
    if isinstance(values, list):
        yield from values
        return
    first, last, step = _parts(values)
    whole = "." not in values.replace("..", "")
    for number in range(_range_size(first, last, step)):
        value = first + number * step
        yield int(value) if whole else float(value)


def _parts(text: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return first, last and step. Without a step a range counts by one, down where the last is lower."""
    match = RANGE.fullmatch(text)
    assert match  # noqa: S101 - the size was determined before
    first, last = Decimal(match[1]), Decimal(match[2])
    step = Decimal(match[3]) if match[3] else Decimal(1 if last >= first else -1)
    if step == 0 or (last - first) * step < 0:
        raise InvalidRequest(
            f"The range `{text.strip()}` never ends. Its step leads away from its end.", code="invalid_grid"
        )
    return first, last, step


def _range_size(first: Decimal, last: Decimal, step: Decimal) -> int:
    return int((last - first) / step) + 1
