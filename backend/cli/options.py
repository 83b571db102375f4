"""Options that several commands share."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="The response of the API, for programs.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return at once; the control plane does the work.")]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Also formats that can run code when they are loaded.")
]
