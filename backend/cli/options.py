"""Options that several commands share."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="The API's own answer, for programs.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Leave the work to the control plane and come back.")]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Also a format that can run code when it is loaded.")
]
