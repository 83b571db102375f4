"""What a command prints: tables on a terminal, lines with tabs in a pipe, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.core.formatting import printable


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The first column is never cut short: it is what other commands want to hear."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(printable(cell) for cell in row))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, heading in enumerate(headings):
        table.add_column(heading, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)


def print_json(answer: object) -> None:
    """As the API has it."""
    typer.echo(json.dumps(to_jsonable_python(answer), indent=2))


def say(sentence: str) -> None:
    """To the person who looks on; programs read the standard output alone."""
    typer.echo(sentence, err=True)
