"""`comfypod price …`: what the pod costs."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json
from backend.core.formatting import format_money

if TYPE_CHECKING:
    from backend.client.price import Price

app = typer.Typer(help="The price of the pod, and what this session has cost.")


@app.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show the price per hour and the cost of this session."""
    if context.invoked_subcommand:
        return
    with control_plane() as plane:
        found = plane.run(plane.price.show())
    if as_json:
        print_json(found)
    else:
        _say(found)


@app.command("set")
def choose(
    per_hour: Annotated[float, typer.Argument(help="Price of one hour, such as 0.34.")],
    currency: Annotated[str, typer.Option(help="Three letters, such as EUR.")] = "USD",
) -> None:
    """Save the price per hour, from which costs are estimated."""
    with control_plane() as plane:
        _say(plane.run(plane.price.choose(per_hour, currency.upper())))


@app.command()
def off() -> None:
    """Delete the saved price. One in PRICE_PER_HOUR is used again."""
    with control_plane() as plane:
        _say(plane.run(plane.price.choose(None, "USD")))


def _say(price: "Price") -> None:
    if price.per_hour is None:
        typer.echo("no price")
        return
    per_hour = format_money(price.per_hour, price.currency, digits=4)
    typer.echo(f"{per_hour} per hour, {format_money(price.session_cost or 0, price.currency)} this session")
