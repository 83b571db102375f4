"""Reads presets from YAML files, ours and those that people add. A bad file is reported by name and line, and hurts nothing else."""

from collections.abc import Iterable
from pathlib import Path

import yaml
from pydantic import ValidationError

from backend.presets.models import FileProblem, Origin, Preset

Location = tuple[str | int, ...]


def read_curated(folder: Path, origin: Origin) -> tuple[list[Preset], list[FileProblem]]:
    """All presets of a folder, and what is wrong with the files that gave none."""
    presets: list[Preset] = []
    problems: list[FileProblem] = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            presets.append(_read(path, origin))
        except _BadFile as error:
            problems.extend(error.problems)
    return presets, problems


class _BadFile(Exception):
    def __init__(self, problems: list[FileProblem]):
        super().__init__()
        self.problems = problems


def _read(path: Path, origin: Origin) -> Preset:
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        if not isinstance(content, dict):
            raise _BadFile([FileProblem(file=path.name, line=1, message="The file does not hold a preset.")])
        return Preset(**{**content, "origin": origin})
    except (OSError, UnicodeDecodeError) as error:
        raise _BadFile(
            [FileProblem(file=path.name, line=None, message=f"The file cannot be read: {error}")]
        ) from None
    except yaml.YAMLError as error:
        raise _BadFile([_yaml_problem(path, error)]) from None
    except ValidationError as error:
        raise _BadFile(list(_schema_problems(path, text, error))) from None


def _yaml_problem(path: Path, error: yaml.YAMLError) -> FileProblem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    return FileProblem(
        file=path.name, line=mark.line + 1 if mark else None, message=f"This is not YAML: {reason}."
    )


def _schema_problems(path: Path, text: str, error: ValidationError) -> Iterable[FileProblem]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        yield FileProblem(file=path.name, line=_line_of(root, item["loc"]), message=f"{where}: {item['msg']}")


def _line_of(node: yaml.Node | None, location: Location) -> int | None:
    """The line of the value at `location`, or of the nearest thing around it that is there."""
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        node = child
    return int(node.start_mark.line) + 1 if node else None


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part] if part < len(node.value) else None
    return None
