"""Read YAML from untrusted text: plain data, in time and memory that grow with the length of the text.

libyaml splits the text into events, and the data is built from them without recursion. Constructs that make a short
text expensive (anchors, deep nesting, long lists, huge numbers) raise an error or stay text.
"""

from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

# A preset of 1000 files with every field and ten alternatives each has 26,000 values.
MAX_VALUES = 30_000
MAX_DEPTH = 50
# Longer scalars stay text: converting digits to a number takes more than linear time.
LONGEST_NUMBER = 400

PREFIX = "tag:yaml.org,2002:"
MERGE = f"{PREFIX}merge"
CONVERTED = frozenset(f"{PREFIX}{kind}" for kind in ("bool", "float", "int", "null", "timestamp"))
PLAIN = frozenset(f"{PREFIX}{kind}" for kind in ("map", "seq", "str", "value")) | {"!", None}

RESOLVER = Resolver()
# The children of a scalar.
NOTHING: dict[Any, "Value"] = {}

Location = tuple[str | int, ...]


class UnsupportedYaml(yaml.YAMLError):
    """The text uses a YAML construct that is expensive or is not plain data."""

    def __init__(self, problem: str, event: yaml.Event):
        super().__init__(problem)
        self.line = _line(event)


@dataclass(slots=True)
class Value:
    """Data with the line on which it starts, counted from 1."""

    data: Any
    line: int
    children: dict[Any, "Value"]

    def line_of(self, location: Location) -> int:
        """Return the line of the value at `location`, or of the closest value around it."""
        value = self
        for part in location:
            if part not in value.children:
                break
            value = value.children[part]
        return value.line


def read_yaml(text: str) -> Any:
    """Return the data of a text, or raise YAMLError. The last of several equal keys wins."""
    value = parse_yaml(text)
    return value.data if value else None


def parse_yaml(text: str) -> Value | None:
    """Return the value of a text, None for an empty one, or raise YAMLError."""
    builder = _Builder()
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        builder.add(event)
    return builder.root


@dataclass(slots=True)
class _Collection:
    """A list or mapping that has not ended yet."""

    value: Value
    # In a mapping: the key whose value follows.
    key: Value | None = None

    def add(self, child: Value, event: yaml.Event) -> None:
        data = self.value.data
        if isinstance(data, list):
            self.value.children[len(data)] = child
            data.append(child.data)
        elif self.key is not None:
            self.value.children[self.key.data] = child
            data[self.key.data] = child.data
            self.key = None
        elif isinstance(child.data, dict | list):
            raise UnsupportedYaml("a key must be text or a number", event)
        else:
            self.key = child


class _Builder:
    """Builds a value from events."""

    def __init__(self) -> None:
        self.root: Value | None = None
        self._open: list[_Collection] = []
        self._count = 0

    def add(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            self._place(self._open.pop().value, event)
        elif isinstance(event, yaml.NodeEvent):
            self._check(event)
            line = _line(event)
            if isinstance(event, yaml.ScalarEvent):
                self._place(Value(_scalar(event), line, NOTHING), event)
            else:
                data: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
                self._open.append(_Collection(Value(data, line, {})))

    def _check(self, event: yaml.NodeEvent) -> None:
        self._count += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise UnsupportedYaml("anchors and aliases are not supported; write the value out", event)
        if self._count > MAX_VALUES:
            raise UnsupportedYaml(f"there are more than {MAX_VALUES} values", event)
        if len(self._open) >= MAX_DEPTH:
            raise UnsupportedYaml("it is nested too deeply", event)
        if self.root is not None and not self._open:
            raise UnsupportedYaml("there is more than one document", event)
        if isinstance(event, yaml.CollectionStartEvent) and event.tag not in PLAIN:
            raise UnsupportedYaml(f"the tag {event.tag} is not supported", event)

    def _place(self, value: Value, event: yaml.Event) -> None:
        if self._open:
            self._open[-1].add(value, event)
        else:
            self.root = value


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Return the text, or the number, boolean, date or None that YAML reads it as."""
    tag = event.tag
    if tag in (None, "!"):
        tag = _implicit_tag(event)
    if tag in PLAIN:
        return event.value
    if tag == MERGE:
        raise UnsupportedYaml("merge keys are not supported; write the values out", event)
    if tag not in CONVERTED:
        raise UnsupportedYaml(f"the tag {tag} is not supported", event)
    try:
        return _convert(tag, event)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # PyYAML's converters raise many kinds of errors for a value that does not match its tag.
        raise UnsupportedYaml("this value cannot be read", event) from None


def _implicit_tag(event: yaml.ScalarEvent) -> str | None:
    if len(event.value) > LONGEST_NUMBER:
        return None
    tag: str = RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
    return tag


def _convert(tag: str, event: yaml.ScalarEvent) -> Any:
    if len(event.value) > LONGEST_NUMBER:
        raise ValueError
    node = yaml.ScalarNode(tag, event.value)
    return SafeConstructor().construct_object(node)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
