"""The sections of the settings page. A feature adds its own when it starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backend.web.features import Registry


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page."""

    # Also the anchor: `/settings#tokens`.
    id: str
    title: str
    # One sentence below the title.
    summary: str
    template: str
    # Everything that the template shows, looked up at each request.
    view: Callable[[Registry], dict[str, Any]]


class SettingsSections:
    """The sections in the order of the page."""

    def __init__(self, sections: Iterable[Section]):
        self._sections = list(sections)

    def all(self) -> list[Section]:
        return self._sections

    def add(self, section: Section, *, before: str | None = None) -> None:
        """Insert a section before the one with the id `before`, or at the end."""
        ids = [each.id for each in self._sections]
        self._sections.insert(ids.index(before) if before else len(ids), section)
