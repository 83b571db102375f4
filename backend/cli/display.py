"""How watched transfers look: bars on a terminal, lines in a pipe, nothing for programs."""

from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from backend.cli.formatting import amount, percent, remark, style, summary
from backend.core.formatting import printable

if TYPE_CHECKING:
    from backend.downloads.schemas import TransferView

    Rows = Sequence[TransferView]

# A narrower terminal gets figures alone.
WIDTH_FOR_BARS = 80
BAR_WIDTH = 20
# Lines of a terminal that are not rows: the shell's, the summary, problems.
OTHER_LINES = 6
# What is shown first where there is no room for all.
ORDER = ("running", "verifying", "retrying", "queued")
# Where a size is unknown, a line for so many bytes more.
STEP_BYTES = 100_000_000


class Screen:
    """Shows rows whenever there is news. This one shows nothing, which is what programs want."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, rows: "Rows") -> None:
        pass


class Bars(Screen):
    """A bar for each row, drawn over and over at the same place; the last picture stays."""

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

    def show(self, rows: "Rows") -> None:
        room = max(1, self._console.height - OTHER_LINES)
        bars = self._console.width >= WIDTH_FOR_BARS
        self._live.update(Group(*_picture(rows, room, bars=bars)), refresh=True)


class Lines(Screen):
    """A line for each change of state and each tenth of a file."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, ...]] = {}

    def show(self, rows: "Rows") -> None:
        for row in rows:
            news = (row.state, _step(row))
            if self._told.get(row.id) != news:
                self._told[row.id] = news
                figures = " ".join((percent(row), amount(row))).strip()
                typer.echo(f"{printable(row.place)}: {figures + ', ' if figures else ''}{remark(row)}")


def _step(row: "TransferView") -> int:
    return 10 * row.received // row.bytes if row.bytes else row.received // STEP_BYTES


def _picture(rows: "Rows", room: int, *, bars: bool) -> list[RenderableType]:
    shown, hidden = _that_fit(rows, room)
    picture: list[RenderableType] = [_table(shown, bars=bars)]
    if hidden:
        counts = Counter(str(row.state) for row in hidden)
        more = ", ".join(f"{number} {state}" for state, number in counts.items())
        picture.append(Text(f"and {len(hidden)} more: {more}", "dim"))
    picture += [_problem(row) for row in shown if row.problem]
    if len(rows) > 1:
        picture.append(Text(summary(list(rows)), "bold"))
    return picture


def _that_fit(rows: "Rows", room: int) -> "tuple[Rows, Rows]":
    if len(rows) <= room:
        return rows, []
    ranks = {state: rank for rank, state in enumerate(ORDER)}
    ordered = sorted(rows, key=lambda row: ranks.get(row.state, len(ranks)))
    return ordered[:room], ordered[room:]


def _table(rows: "Rows", *, bars: bool) -> Table:
    name = Column(ratio=1, no_wrap=True, overflow="ellipsis", min_width=10)
    figures = [Column(no_wrap=True, justify="right"), Column(no_wrap=True), Column(no_wrap=True)]
    table = Table.grid(
        name, *([Column(width=BAR_WIDTH)] if bars else []), *figures, padding=(0, 1), expand=True
    )
    for row in rows:
        texts = [Text(percent(row)), Text(amount(row)), Text(remark(row), style(row))]
        table.add_row(Text(printable(row.place)), *([_bar(row)] if bars else []), *texts)
    return table


def _bar(row: "TransferView") -> ProgressBar:
    unknown = row.state == "running" and not row.bytes
    return ProgressBar(total=row.bytes or 1, completed=row.received, width=BAR_WIDTH, pulse=unknown)


def _problem(row: "TransferView") -> Text:
    message = row.problem.message if row.problem else ""
    return Text(f"{printable(row.filename)}: {printable(message)}", style(row))
