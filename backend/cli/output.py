"""Output of commands: tables on a terminal, lines with tabs in a pipe, JSON for programs."""

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
    """Print rows. The first column is never cut: other commands take it as an argument."""
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


def print_json(response: object) -> None:
    """Print a response of the API."""
    typer.echo(json.dumps(to_jsonable_python(response), indent=2))


def say(sentence: str) -> None:
    """Write to standard error, which programs that read the output do not see."""
    typer.echo(sentence, err=True)
