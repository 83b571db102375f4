"""Reads presets from YAML files, ours and those that people add. A bad file is reported by name and line, and hurts nothing else."""

from collections.abc import Iterable
from pathlib import Path

import yaml
from pydantic import ValidationError

from backend.core.safe_yaml import compose_yaml, read_yaml
from backend.presets.models import Origin, Preset
from backend.presets.schemas import FileProblem

Location = tuple[str | int, ...]
MAX_BYTES = 2**20


def read_curated(folder: Path, origin: Origin) -> tuple[list[Preset], list[FileProblem]]:
    """All presets of a folder, and what is wrong with the files that gave none."""
    presets: list[Preset] = []
    problems: list[FileProblem] = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            presets.append(parse_preset(path.name, _text_of(path), origin))
        except BadPreset as error:
            problems.extend(error.problems)
    return presets, problems


class BadPreset(Exception):
    """A text that holds no preset."""

    def __init__(self, *problems: FileProblem):
        super().__init__()
        self.problems = problems


def parse_preset(name: str, text: str, origin: Origin) -> Preset:
    """The preset in a YAML text; `name` is what its problems are reported under."""
    try:
        content = read_yaml(text)
        if not isinstance(content, dict):
            raise BadPreset(FileProblem(file=name, line=1, message="The file does not hold a preset."))
        return Preset.model_validate({**content, "origin": origin})
    except yaml.YAMLError as error:
        raise BadPreset(_yaml_problem(name, error)) from None
    except ValidationError as error:
        raise BadPreset(*_schema_problems(name, text, error)) from None


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The file cannot be read: {error}"
        raise BadPreset(FileProblem(file=path.name, line=None, message=message)) from None
    if len(content) > MAX_BYTES:
        raise BadPreset(
            FileProblem(
                file=path.name, line=None, message="The file is too large: a preset has less than 1 MiB."
            )
        )
    return text


def _yaml_problem(name: str, error: yaml.YAMLError) -> FileProblem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    return FileProblem(
        file=name, line=mark.line + 1 if mark else None, message=f"This is not YAML: {reason}."
    )


def _schema_problems(name: str, text: str, error: ValidationError) -> Iterable[FileProblem]:
    root = compose_yaml(text)
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        yield FileProblem(file=name, line=_line_of(root, item["loc"]), message=f"{where}: {item['msg']}")


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
