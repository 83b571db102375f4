"""Jinja2 with our filters. Pages and fragments are rendered from the same view."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from backend.core import clock
from backend.core.formatting import (
    format_amount,
    format_bytes,
    format_gpu_memory,
    format_money,
    format_time_span,
)
from backend.web.assets import Assets
from backend.web.features import registry_of


class PageValues:
    """Values that features give to every page, computed whenever one is rendered."""

    def __init__(self) -> None:
        self._sources: dict[str, Callable[[], object]] = {}

    def share(self, name: str, source: Callable[[], object]) -> None:
        """Let templates use the result of `source` as the variable `name`."""
        self._sources[name] = source

    def current(self) -> dict[str, object]:
        return {name: source() for name, source in self._sources.items()}


class Renderer:
    """Renders templates below one folder."""

    def __init__(self, frontend: Path):
        self.assets = Assets(frontend / "static")
        self._environment = Environment(
            loader=FileSystemLoader(frontend / "templates"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "bytes": format_bytes,
            "amount": format_amount,
            "duration": format_time_span,
            "gpu_memory": format_gpu_memory,
            "money": format_money,
            "ago": ago,
            "local": local,
        }
        self._environment.globals |= {"static": self.assets.address, "modules": self.assets.modules}

    def page(
        self,
        request: Request,
        template: str,
        view: Mapping[str, Any],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Render `template` with `view` as a response that must not be cached."""
        return HTMLResponse(
            self.render(request, template, view),
            status_code=status,
            headers={"Cache-Control": "no-store", **(headers or {})},
        )

    def render(self, request: Request, template: str, view: Mapping[str, Any]) -> bytes:
        """Return the HTML of `template` with `view`."""
        shared = registry_of(request).get(PageValues).current()
        html = self._environment.get_template(template).render(
            {"request": request, "path": request.url.path, **shared, **view}
        )
        return html.encode()


def renderer_of(request: Request) -> Renderer:
    return registry_of(request).get(Renderer)


def ago(moment: datetime) -> str:
    """Return the time since `moment` in the largest unit that fits."""
    seconds = max(0, int((clock.now() - moment).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def local(moment: datetime) -> str:
    """Return `21 Nov 08:21:33`, in the pod's time zone."""
    return moment.astimezone().strftime("%d %b %H:%M:%S")
