"""The tools of all features."""

from collections.abc import Callable

from backend.auth.tools import Tool
from backend.documents import node_tools
from backend.documents import tools as documents
from backend.downloads import tools as downloads
from backend.jobs import tools as jobs
from backend.presets import tools as presets
from backend.sources import tools as sources
from backend.storage import tools as storage
from backend.system import tools as system
from backend.templates import tools as templates
from backend.web.features import Registry

FEATURES: tuple[Callable[[Registry], tuple[Tool, ...]], ...] = (
    templates.tools,
    documents.tools,
    node_tools.tools,
    jobs.tools,
    storage.tools,
    sources.tools,
    downloads.tools,
    presets.tools,
    system.tools,
)


def all_tools(registry: Registry) -> tuple[Tool, ...]:
    """Return every tool, in the order in which clients list them."""
    return tuple(tool for feature in FEATURES for tool in feature(registry))
