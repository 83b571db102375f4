"""Show watched transfers: bars on a terminal, lines in a pipe, nothing for programs."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from backend.cli.formatting import amount, percent, remark, style, summary
from backend.cli.screen import LiveScreen, Screen
from backend.core.formatting import printable

if TYPE_CHECKING:
    from backend.client.models import Transfer

    Rows = Sequence[Transfer]

# Narrower terminals show no bars.
WIDTH_FOR_BARS = 80
BAR_WIDTH = 20
# Lines of a terminal for the prompt, the summary and problems.
OTHER_LINES = 6
# The states that are shown first where not all rows fit.
ORDER = ("running", "verifying", "retrying", "queued")
# Of unknown sizes, a line for each of these.
STEP_BYTES = 100_000_000


class Bars(LiveScreen["Rows"]):
    """A bar for each row, drawn again at the same place; the last state stays."""

    def show(self, rows: "Rows") -> None:
        height = max(1, self._console.height - OTHER_LINES)
        bars = self._console.width >= WIDTH_FOR_BARS
        self._live.update(Group(*_lines(rows, height, bars=bars)), refresh=True)


class Lines(Screen["Rows"]):
    """A line for each change of state and each tenth of a file."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[object, ...]] = {}

    def show(self, rows: "Rows") -> None:
        for row in rows:
            state = (row.state, _step(row))
            if self._shown.get(row.id) != state:
                self._shown[row.id] = state
                progress = " ".join((percent(row), amount(row))).strip()
                typer.echo(f"{printable(row.place)}: {progress + ', ' if progress else ''}{remark(row)}")


def _step(row: "Transfer") -> int:
    return 10 * row.received // row.bytes if row.bytes else row.received // STEP_BYTES


def _lines(rows: "Rows", height: int, *, bars: bool) -> list[RenderableType]:
    shown, hidden = _fitting(rows, height)
    lines: list[RenderableType] = [_table(shown, bars=bars)]
    if hidden:
        counts = Counter(str(row.state) for row in hidden)
        more = ", ".join(f"{number} {state}" for state, number in counts.items())
        lines.append(Text(f"and {len(hidden)} more: {more}", "dim"))
    lines += [_problem(row) for row in shown if row.problem]
    if len(rows) > 1:
        lines.append(Text(summary(list(rows)), "bold"))
    return lines


def _fitting(rows: "Rows", height: int) -> "tuple[Rows, Rows]":
    if len(rows) <= height:
        return rows, []
    ranks = {state: rank for rank, state in enumerate(ORDER)}
    ordered = sorted(rows, key=lambda row: ranks.get(row.state, len(ranks)))
    return ordered[:height], ordered[height:]


def _table(rows: "Rows", *, bars: bool) -> Table:
    name = Column(ratio=1, no_wrap=True, overflow="ellipsis", min_width=10)
    numbers = [Column(no_wrap=True, justify="right"), Column(no_wrap=True), Column(no_wrap=True)]
    table = Table.grid(
        name, *([Column(width=BAR_WIDTH)] if bars else []), *numbers, padding=(0, 1), expand=True
    )
    for row in rows:
        texts = [Text(percent(row)), Text(amount(row)), Text(remark(row), style(row))]
        table.add_row(Text(printable(row.place)), *([_bar(row)] if bars else []), *texts)
    return table


def _bar(row: "Transfer") -> ProgressBar:
    unknown = row.state == "running" and not row.bytes
    return ProgressBar(total=row.bytes or 1, completed=row.received, width=BAR_WIDTH, pulse=unknown)


def _problem(row: "Transfer") -> Text:
    message = row.problem.message if row.problem else ""
    return Text(f"{printable(row.filename)}: {printable(message)}", style(row))
