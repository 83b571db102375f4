"""Where a command shows what it waits for."""

from types import TracebackType
from typing import Generic, Self, TypeVar

from rich.console import Console
from rich.live import Live

Shown = TypeVar("Shown")


class Screen(Generic[Shown]):
    """Shows every update. This class shows nothing, for output that programs read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, shown: Shown, /) -> None:
        pass


class LiveScreen(Screen[Shown]):
    """Draws again at the same place of a terminal; the last state stays."""

    def __init__(self) -> None:
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
