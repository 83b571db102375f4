"""YAML from strangers: plain data. What makes a short text cost much to read, or makes it anything but data, is refused."""

from typing import Any

import yaml


class _PlainLoader(yaml.SafeLoader):
    """No anchors, aliases and merge keys, which a few lines can multiply into gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(
                None, None, "anchors and aliases are not understood; write it out", event.start_mark
            )
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys are not understood; write it out", key.start_mark
                )

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """PyYAML's own constructors raise whatever they like for a value that does not fit its tag."""
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise yaml.constructor.ConstructorError(
                None, None, "this value cannot be read", node.start_mark
            ) from None


def read_yaml(text: str) -> Any:
    """The data in a text; YAMLError when it holds none."""
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - derived from the safe one
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a text that `read_yaml` could read; they know their lines."""
    return yaml.compose(text, Loader=_PlainLoader)
