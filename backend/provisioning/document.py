"""The provisioning document, which the boot scripts and the control plane read: what a pod shall contain."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from backend.core.errors import InvalidRequest
from backend.core.names import clean_folder, clean_name
from backend.core.safe_yaml import UnsupportedYaml, Value, parse_yaml

MAX_BYTES = 2**18
# The first mistakes often cause the rest.
MOST_PROBLEMS = 20
LONGEST_MESSAGE = 300
SHA256 = r"^[0-9a-f]{64}$"
COMMIT = r"^[0-9a-f]{40}$"
APT_PACKAGE = r"^[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?$"
# One requirement, and no option of the installer.
REQUIREMENT = r"^[A-Za-z0-9][^\x00-\x1f]*$"
REPOSITORY = re.compile(r"(https?|file|ssh)://[^\s\x00-\x1f]+|git@[\w.-]+:[\w./~-]+")
NODE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ADDRESS = r"^https?://\S+$"
PRESET_ID = r"^[a-z0-9][a-z0-9._-]{1,127}$"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Variables that set the pod's paths and who may use it; a document cannot change them.
RESERVED = frozenset({
    "ACCESS_PASSWORD", "BAKED_NODES_DIR", "HOME", "IMAGE_FACTS", "LD_PRELOAD", "LOG_DIR", "PATH", "PIP_CONSTRAINT",
    "PROVISION_SHA256", "PROVISION_URL", "PYTHONHOME", "PYTHONPATH", "RUN_DIR", "SAFE_MODE", "SHELL_PROFILE",
    "SPARE_DIR", "STATE_DIR", "UV_CONSTRAINT", "VIRTUAL_ENV", "WORKSPACE", "__COMFY_CLI_SESSION__",
})  # fmt: skip


def _text(value: object) -> object:
    """Convert numbers and booleans to the text that a shell would export."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _repository(url: str) -> str:
    if not REPOSITORY.fullmatch(url):
        raise ValueError("write the address of a git repository, such as https://github.com/OWNER/NAME")
    if urlsplit(url).password:
        raise ValueError("take the password out of the address")
    return url


def _destination(text: str) -> str:
    folder, _, name = text.removeprefix("models/").rpartition("/")
    if not folder:
        raise ValueError("write FOLDER/NAME below the models folder, such as loras/style.safetensors")
    try:
        return f"{clean_folder(folder)}/{clean_name(name)}"
    except InvalidRequest as error:
        raise ValueError(error.message) from None


def _variables(values: dict[str, str]) -> dict[str, str]:
    for name in values:
        if not VARIABLE.fullmatch(name):
            raise ValueError(f"{name[:50]!r} is not the name of a variable")
        if name in RESERVED:
            raise ValueError(f"{name} belongs to the pod itself; set it where the pod is created")
    return values


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Node(_Part):
    """A custom node at one commit."""

    repository: Annotated[str, AfterValidator(_repository)] = Field(max_length=500)
    commit: str = Field(pattern=COMMIT)
    name: str = Field(default="", max_length=100)

    @property
    def folder(self) -> str:
        """The folder below `custom_nodes`."""
        return self.name or node_name_of(self.repository)


class PresetChoice(_Part):
    """A preset of the catalogue."""

    id: str = Field(pattern=PRESET_ID)
    allow_pickle: bool = False


class File(_Part):
    """A model file."""

    url: str = Field(pattern=ADDRESS, max_length=4096)
    destination: Annotated[str, AfterValidator(_destination)] = Field(max_length=500)
    sha256: str = Field(pattern=SHA256)
    allow_pickle: bool = False


def _as_choice(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    """An empty key in YAML is None."""
    return () if value is None else value


def _named(node: Node) -> Node:
    if not re.fullmatch(NODE_NAME, node.folder):
        raise ValueError("its folder cannot be named so; give a `name` of letters, digits, dots and dashes")
    return node


AptPackage = Annotated[str, Field(pattern=APT_PACKAGE, max_length=200)]
Requirement = Annotated[str, Field(pattern=REQUIREMENT, max_length=500)]
Variable = Annotated[str, BeforeValidator(_text), Field(max_length=4096, pattern=r"^[^\x00]*$")]
EMPTY = BeforeValidator(_as_list)


class Document(_Part):
    """Everything that a pod shall contain."""

    apt: Annotated[tuple[AptPackage, ...], EMPTY] = Field(default=(), max_length=200)
    pip: Annotated[tuple[Requirement, ...], EMPTY] = Field(default=(), max_length=200)
    nodes: Annotated[tuple[Annotated[Node, AfterValidator(_named)], ...], EMPTY] = Field(
        default=(), max_length=200
    )
    presets: Annotated[tuple[Annotated[PresetChoice, BeforeValidator(_as_choice)], ...], EMPTY] = Field(
        default=(), max_length=200
    )
    files: Annotated[tuple[File, ...], EMPTY] = Field(default=(), max_length=500)
    environment: Annotated[
        dict[str, Variable],
        BeforeValidator(lambda value: {} if value is None else value),
        AfterValidator(_variables),
    ] = Field(default={}, max_length=100)


KEYS: dict[str, type[BaseModel]] = {
    "nodes": Node,
    "presets": PresetChoice,
    "files": File,
}


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake in the document."""

    line: int | None
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


class BadDocument(Exception):
    """The text is not a provisioning document."""

    def __init__(self, *mistakes: Mistake):
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


def node_name_of(repository: str) -> str:
    """Return the folder name that `git clone` would choose."""
    return re.split(r"[/:]", repository.rstrip("/"))[-1].removesuffix(".git")


def read_document(content: bytes) -> Document:
    """Return the document, or raise BadDocument with every mistake and its line."""
    value = _parse(content)
    try:
        document = Document.model_validate(value.data)
    except ValidationError as error:
        raise BadDocument(*islice(_mistakes(value, error), MOST_PROBLEMS)) from None
    _check_unique(document, value)
    return document


def _parse(content: bytes) -> Value:
    if len(content) > MAX_BYTES:
        raise BadDocument(Mistake(line=None, message=f"The document has more than {MAX_BYTES // 1024} KiB."))
    try:
        value = parse_yaml(content.decode())
    except UnicodeDecodeError:
        raise BadDocument(Mistake(line=None, message="The document is not UTF-8 text.")) from None
    except yaml.YAMLError as error:
        raise BadDocument(_yaml_mistake(error)) from None
    if value is None or not isinstance(value.data, dict):
        message = f"Write a mapping with some of these keys: {_keys_of(Document)}."
        raise BadDocument(Mistake(line=1, message=message))
    return value


def _yaml_mistake(error: yaml.YAMLError) -> Mistake:
    if isinstance(error, UnsupportedYaml):
        return Mistake(line=error.line, message=f"This is not supported: {error}.")
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return Mistake(line=mark.line + 1 if mark else None, message=f"This is not YAML: {reason}.")


def _mistakes(value: Value, error: ValidationError) -> Iterator[Mistake]:
    for item in error.errors(include_url=False, include_input=False):
        location = item["loc"]
        message = f"`{_path_of(location)}` {_explained(item, location)}."
        yield Mistake(line=value.line_of(location), message=message[:LONGEST_MESSAGE])


def _path_of(location: tuple[str | int, ...]) -> str:
    """Format a location as `files[0].sha256`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{str(part)[:60]}" for part in location)
    return "".join(parts).removeprefix(".")


PATTERNS = {
    SHA256: "must be a SHA-256 of 64 hex digits in lower case",
    COMMIT: "must be a full commit id of 40 hex digits; a branch or a tag may change",
    APT_PACKAGE: "must be the name of a Debian package, with or without =VERSION",
    ADDRESS: "must begin with https:// or http://",
    PRESET_ID: "must be the id of a preset; `comfypod presets list` shows all",
    REQUIREMENT: "must be one requirement such as `gguf==0.17.1`; options of pip are not possible here",
}
TYPES = {
    "missing": "is missing",
    "tuple_type": "must be a list: one line with `- ` for each item",
    "dict_type": "must be a mapping of names to values",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must be a mapping of keys to values",
    "too_long": "has too many items",
    "string_too_long": "is too long",
}


def _explained(item: Any, location: tuple[str | int, ...]) -> str:
    kind = item["type"]
    if kind == "extra_forbidden":
        model = KEYS.get(str(location[0]), Document) if len(location) > 1 else Document
        return f"is unknown. Known here: {_keys_of(model)}"
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(item["ctx"]["pattern"], f"must match {item['ctx']['pattern']}")
    message = str(item["msg"]).removeprefix("Value error, ")
    return TYPES.get(kind, f"cannot be used: {message}")


def _keys_of(model: type[BaseModel]) -> str:
    return ", ".join(f"`{name}`" for name in model.model_fields)


def _check_unique(document: Document, value: Value) -> None:
    """Raise BadDocument for items with the same destination: they would overwrite each other at every start."""
    groups = {
        "nodes": [node.folder.lower() for node in document.nodes],
        "presets": [preset.id for preset in document.presets],
        "files": [file.destination for file in document.files],
    }
    mistakes = [
        Mistake(line=value.line_of((key, index)), message=f"`{key}[{index}]` is {name} a second time.")
        for key, names in groups.items()
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    if mistakes:
        raise BadDocument(*mistakes[:MOST_PROBLEMS])
