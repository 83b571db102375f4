"""The price of the pod's time, and what the session has cost."""

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import structlog

from backend.core import clock
from backend.core.formatting import format_money
from backend.core.persistence import save_persistently

log = structlog.get_logger(__name__)

HOUR = 3600
HIGHEST_PRICE = 10_000
CURRENCY_PATTERN = r"^[A-Z]{3}$"
DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, kw_only=True)
class Price:
    """The price of one hour of this pod."""

    per_hour: float
    # Three letters, as in ISO 4217.
    currency: str = DEFAULT_CURRENCY

    def cost_of(self, seconds: float) -> float:
        return self.per_hour * max(0.0, seconds) / HOUR

    def text_of(self, seconds: float) -> str:
        """Return the cost of so many seconds: `$0.34`."""
        return format_money(self.cost_of(seconds), self.currency)

    def __str__(self) -> str:
        return f"{format_money(self.per_hour, self.currency, digits=4)} per hour"


@dataclass(frozen=True, kw_only=True)
class Session:
    """The time since the pod was started, which its host charges."""

    started_at: datetime
    price: Price | None

    @property
    def seconds(self) -> float:
        return max(0.0, (clock.now() - self.started_at).total_seconds())

    @property
    def cost(self) -> float | None:
        return self.price.cost_of(self.seconds) if self.price else None

    @property
    def cost_text(self) -> str | None:
        return self.price.text_of(self.seconds) if self.price else None


class PodPrice:
    """Keeps the price that was saved in `file`, or else the one from the environment."""

    def __init__(self, file: Path, default: Price | None, started_at: datetime):
        self._file, self._default, self._started_at = file, default, started_at
        self._saved = _read(file)

    @property
    def price(self) -> Price | None:
        return self._saved or self._default

    @property
    def is_saved(self) -> bool:
        """Return whether the price was saved here, and so replaces the one from the environment."""
        return self._saved is not None

    async def choose(self, price: Price | None) -> None:
        """Save the price. None deletes the saved one. Raise Unavailable when it cannot be saved."""
        content = json.dumps(asdict(price) if price else None).encode()
        await asyncio.to_thread(save_persistently, self._file, content)
        self._saved = price

    def cost_text(self, seconds: float | None) -> str | None:
        """Return the cost of so many seconds of this pod: `$0.34`. None without a price or a duration."""
        return self.price.text_of(seconds) if self.price and seconds is not None else None

    def session(self) -> Session:
        return Session(started_at=self._started_at, price=self.price)


def started_at(*, in_pod: bool) -> datetime:
    """Return when the container was started; outside a pod, when this process was."""
    try:
        created = psutil.Process(1 if in_pod else os.getpid()).create_time()
    except psutil.Error:  # a sandbox that hides other processes
        return clock.now()
    return datetime.fromtimestamp(created, UTC)


def _read(file: Path) -> Price | None:
    try:
        content = json.loads(file.read_bytes())
        if content is None:
            return None
        price = Price(per_hour=float(content["per_hour"]), currency=str(content["currency"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("the saved price cannot be read; set it again in Settings", file=file.name)
        return None
    return price if 0 < price.per_hour <= HIGHEST_PRICE else None
