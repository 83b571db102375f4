"""Turns values by name into what is set in the prompt. One conversion serves all jobs of a batch."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from backend.core.errors import InvalidRequest
from backend.templates.models import Prepared, Template
from backend.workflows.bindings import Binding, Kind, checked, find_bindings, roll_seeds, unknown_input
from backend.workflows.convert import convert, literal
from backend.workflows.graph import Json, WorkflowFormat
from backend.workflows.parsing import as_dict

# How many names a message lists.
SHOWN_NAMES = 30
# Where a value is in an object that says that it is no link.
WRAPPED = "__value__"


class Preparation:
    """A template converted for one ComfyUI, whose `object_info` says what the inputs may be.

    Converting a large workflow takes time: call it in a thread.
    """

    def __init__(self, template: Template, object_info: Json):
        """Raise InvalidRequest when ComfyUI lacks a type of node."""
        self._template = template
        self._object_info = object_info
        self.bindings = find_bindings(template.workflow, object_info, template.io)
        conversion = convert(template.workflow, object_info)
        _refuse_unknown_types(template, conversion.unknown_types)
        self.prompt = conversion.prompt
        self._by_name = {item.address: item for item in self.bindings} | {
            item.name: item for item in self.bindings
        }
        # Where the value of a binding is in the prompt: an instance of a subgraph hands it to nodes inside it.
        self._targets: dict[str, list[str]] = {}

    @property
    def workflow(self) -> Json | None:
        template = self._template.workflow
        return template.document if template.format is WorkflowFormat.UI else None

    def resolved(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return checked values by address. Raise InvalidRequest for an unknown input or a value that does not fit."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            address = self.address_of(name)
            if address in found:
                raise InvalidRequest(
                    f"The input `{name[:100]}` is set twice, by its name and by its address.",
                    code="invalid_input",
                    input=name[:100],
                )
            item = self._by_name.get(address)
            found[address] = checked(item, value) if item else value
        return found

    def address_of(self, name: str) -> str:
        """Return `NODE.INPUT` for the name of an input."""
        item = self._by_name.get(name)
        if item:
            return item.address
        node_id, dot, input_name = name.partition(".")
        if dot and input_name and node_id in self.prompt:
            return name
        raise unknown_input(name, self.bindings)

    def takes_text(self, name: str) -> bool:
        """Return whether any text fits the input."""
        item = self._by_name.get(name)
        return item is not None and item.signature.type == "STRING"

    def check_required(self, addresses: Iterable[str]) -> None:
        """Raise InvalidRequest when an input that `workflows.yaml` requires is not among them."""
        given = set(addresses)
        missing = [name for name in self._template.required_inputs if self.address_of(name) not in given]
        if missing:
            raise InvalidRequest(
                f"`{self._template.id}` needs the input {', '.join(f'`{name}`' for name in missing)}.",
                code="missing_input",
                input=missing[0],
            )

    def prepare(
        self, values: Mapping[str, Any], previous: Mapping[str, int] | None = None, *, repeated: bool = False
    ) -> Prepared:
        """Return what a job with these `resolved` values runs.

        `previous` are the seeds of the job before. `repeated`: other jobs have the same values, so that the seeds of a
        workflow in API format, which has no rule for them, have to change as well.
        """
        seeds = roll_seeds(self._seeds(repeated=repeated), values, previous)
        rolled = {self._by_name[name].address: seed for name, seed in seeds.items()}
        self._find_targets([*rolled, *values])
        merged = {
            target: self._literal(target, value)
            for address, value in {**rolled, **values}.items()
            for target in self._targets[address]
        }
        return Prepared(prompt=self.prompt, workflow=self.workflow, values=merged, seeds=seeds)

    def _seeds(self, *, repeated: bool) -> list[Binding]:
        if self._template.workflow.format is WorkflowFormat.UI or not repeated:
            return list(self.bindings)
        return [
            replace(item, control="randomize") if item.kind is Kind.SEED else item for item in self.bindings
        ]

    def _literal(self, target: str, value: Any) -> Any:
        """Return the value as ComfyUI takes it; curves are marked as such."""
        node_id, _, name = target.partition(".")
        present = as_dict(as_dict(as_dict(self.prompt.get(node_id)).get("inputs")).get(name))
        return literal(value, curve=present.get("__type__") == "CURVE")

    def _find_targets(self, addresses: Iterable[str]) -> None:
        """Convert once with a mark in the place of each value, and find where the marks are."""
        new = [address for address in addresses if address not in self._targets]
        marks = {f"\0{number}": address for number, address in enumerate(new) if address in self._by_name}
        if marks:
            replaced: dict[str, Json] = {}
            for mark, address in marks.items():
                item = self._by_name[address]
                replaced.setdefault(item.node_id, {})[item.input] = mark
            self._targets |= {address: [] for address in marks.values()}
            prompt = convert(self._template.workflow, self._object_info, replaced).prompt
            for node_id, node in prompt.items():
                for name, value in as_dict(as_dict(node).get("inputs")).items():
                    found = value.get(WRAPPED) if isinstance(value, dict) else value
                    if isinstance(found, str) and found in marks:
                        self._targets[marks[found]].append(f"{node_id}.{name}")
        for address in new:
            self._targets.setdefault(address, [address])


def _refuse_unknown_types(template: Template, unknown: Mapping[str, str]) -> None:
    if not unknown:
        return
    packages = {node.type: node.package for node in template.workflow.all_nodes}
    types = sorted(set(unknown.values()))
    named = [f"`{name[:100]}`{_from(packages.get(name))}" for name in types[:5]]
    more = f" and {len(types) - 5} more" if len(types) > 5 else ""
    raise InvalidRequest(
        f"This ComfyUI has no node {', '.join(named)}{more}. Install the node package, or a newer ComfyUI, and restart "
        "ComfyUI.",
        code="missing_nodes",
        nodes=types[:SHOWN_NAMES],
        packages=sorted({package for name in types if (package := packages.get(name))})[:SHOWN_NAMES],
    )


def _from(package: str | None) -> str:
    if package is None:
        return ""
    return " (of a newer ComfyUI)" if package == "comfy-core" else f" (of the package {package[:100]})"
