"""`workflows.yaml`: workflows by the ids that job files use, each with the inputs that it requires.

portrait:
  template_path: workflows/portrait.json
  required_inputs: [prompt, seed]
"""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import yaml

from backend.core.errors import InvalidRequest
from backend.core.safe_yaml import read_yaml
from backend.templates.folder import read_file
from backend.templates.models import Source, Template, TemplateSummary, template_of
from backend.templates.sources import no_template
from backend.workflows.parsing import as_dict

log = structlog.get_logger(__name__)

# Below the workspace; the first that exists counts.
PLACES = ("workflows.yaml", "workflows/workflows.yaml", "config/workflows.yaml")
# The rest of a larger file is not read.
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    id: str
    title: str
    description: str
    template_path: str
    required_inputs: tuple[str, ...]
    problem: str | None = None

    @property
    def summary(self) -> TemplateSummary:
        return TemplateSummary(
            id=self.id,
            title=self.title,
            source=Source.WORKFLOWS_YAML,
            description=self.description,
            problem=self.problem,
        )


class WorkflowsYaml:
    source = Source.WORKFLOWS_YAML

    def __init__(self, workspace: Path):
        self._workspace = workspace
        self._read_at: tuple[Path, int, int] | None = None
        self._entries: dict[str, _Entry] = {}

    async def summaries(self) -> list[TemplateSummary]:
        entries = await asyncio.to_thread(self._current)
        return [entry.summary for entry in entries.values()]

    async def read(self, template_id: str) -> Template:
        return await asyncio.to_thread(self._read, template_id)

    def _read(self, template_id: str) -> Template:
        entry = self._current().get(template_id)
        if entry is None:
            raise no_template(template_id)
        if entry.problem:
            raise InvalidRequest(entry.problem, code="invalid_template")
        workflow = read_file(self._template_file(entry))
        return template_of(entry.summary, workflow, required_inputs=entry.required_inputs)

    def _current(self) -> dict[str, _Entry]:
        """Return the entries of the file; it is read again only when it has changed."""
        path, stamp = self._file()
        if stamp != self._read_at:
            self._entries = self._load(path) if path else {}
            self._read_at = stamp
        return self._entries

    def _file(self) -> tuple[Path | None, tuple[Path, int, int] | None]:
        for place in PLACES:
            path = self._workspace / place
            try:
                stat = path.stat()
            except OSError:
                continue
            return path, (path, stat.st_mtime_ns, stat.st_size)
        return None, None

    def _load(self, path: Path) -> dict[str, _Entry]:
        try:
            with path.open("rb") as file:
                data = as_dict(read_yaml(file.read(MAX_BYTES).decode()))
        except (OSError, ValueError, yaml.YAMLError) as error:
            log.warning("workflows.yaml cannot be read", file=str(path), reason=str(error))
            return {}
        listed = as_dict(data["workflows"]) if set(data) == {"workflows"} else data
        return {str(name): self._entry(path, str(name), told) for name, told in listed.items()}

    def _entry(self, path: Path, name: str, told: Any) -> _Entry:
        told = as_dict(told)
        template_path, required = told.get("template_path"), told.get("required_inputs")
        problem = None
        if not isinstance(template_path, str) or not template_path.strip():
            problem = f"`{name}` in {path.name} has no `template_path`, the path of its workflow."
        elif not isinstance(required, list) or not all(isinstance(item, str) for item in required):
            problem = (
                f"`{name}` in {path.name} has no `required_inputs`, a list of names such as [prompt, seed]."
            )
        return _Entry(
            id=name,
            title=str(told.get("title") or name),
            description=str(told.get("description") or ""),
            template_path=str(template_path),
            required_inputs=tuple(required) if isinstance(required, list) and problem is None else (),
            problem=problem,
        )

    def _template_file(self, entry: _Entry) -> Path:
        """Find the file beside `workflows.yaml` or below the workspace, and never outside of it."""
        workspace = self._workspace.resolve()
        beside = self._read_at[0].parent if self._read_at else workspace
        for folder in (beside, workspace):
            with contextlib.suppress(OSError, ValueError):
                file = (folder / entry.template_path.strip()).resolve()
                if file.is_relative_to(workspace) and file.is_file():
                    return file
        raise InvalidRequest(
            f"The file {entry.template_path[:200]} of `{entry.id}` in workflows.yaml does not exist below the workspace.",
            code="invalid_template",
        )
