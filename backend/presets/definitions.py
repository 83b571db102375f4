"""Read presets from YAML files, ours and those that users add. A bad file is reported with its lines and affects nothing else."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import yaml
from pydantic import ValidationError

from backend.core.safe_yaml import UnsupportedYaml, Value, parse_yaml
from backend.presets.models import Origin, Preset
from backend.presets.schemas import FileProblem

MAX_BYTES = 2**20
# Of one file. The first mistakes often cause the rest.
MOST_PROBLEMS = 10
LONGEST_MESSAGE = 300


def read_curated(folder: Path, origin: Origin) -> tuple[list[Preset], list[FileProblem]]:
    """Return the presets of a folder and the problems of the files that could not be read."""
    presets: list[Preset] = []
    problems: list[FileProblem] = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            presets.append(parse_preset(path.name, _text_of(path), origin))
        except BadPreset as error:
            problems.extend(error.problems)
    return presets, problems


class BadPreset(Exception):
    """The text holds no preset."""

    def __init__(self, *problems: FileProblem):
        super().__init__()
        self.problems = problems


def parse_preset(name: str, text: str, origin: Origin) -> Preset:
    """Return the preset in a YAML text, or raise BadPreset with problems of the file `name`."""
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        raise BadPreset(_yaml_problem(name, error)) from None
    if value is None or not isinstance(value.data, dict):
        raise BadPreset(FileProblem(file=name, line=1, message="The file does not hold a preset."))
    try:
        return Preset.model_validate({**value.data, "origin": origin})
    except ValidationError as error:
        raise BadPreset(*islice(_schema_problems(name, value, error), MOST_PROBLEMS)) from None


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The file cannot be read: {error}"
        raise BadPreset(FileProblem(file=path.name, line=None, message=message)) from None
    if len(content) > MAX_BYTES:
        message = "The file is too large. A preset has less than 1 MiB."
        raise BadPreset(FileProblem(file=path.name, line=None, message=message))
    return text


def _yaml_problem(name: str, error: yaml.YAMLError) -> FileProblem:
    if isinstance(error, UnsupportedYaml):
        return FileProblem(file=name, line=error.line, message=f"This is not supported: {error}.")
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line = mark.line + 1 if mark else None
    return FileProblem(file=name, line=line, message=f"This is not YAML: {reason}.")


def _schema_problems(name: str, value: Value, error: ValidationError) -> Iterator[FileProblem]:
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"])
        message = f"{where}: {item['msg']}"[:LONGEST_MESSAGE]
        yield FileProblem(file=name, line=value.line_of(item["loc"]), message=message)
