"""The form of a template's inputs: what it shows, and the values that it sends."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request

from backend.comfy.errors import ComfyError
from backend.core.errors import InvalidRequest
from backend.inputs.dependencies import InputFilesService
from backend.jobs.pages.actions import LONGEST_FIELD, MOST_FIELDS
from backend.templates.dependencies import TemplatesService
from backend.templates.models import Template
from backend.workflows.bindings import Kind

# In names of form fields, before the name of an input.
VALUE = "value."
RANDOM = "random."


class TemplateForms:
    """What pages show of a template's inputs."""

    def __init__(self, templates: TemplatesService, inputs: InputFilesService):
        self.templates = templates
        self._inputs = inputs

    async def view(self, template: Template, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the inputs of the form, or why there are none. `values` are set; seeds among them are not random."""
        view: dict[str, Any] = {"template": template, "inputs": {}, "problem": None, "values": values}
        try:
            view["inputs"] = (await self.templates.schema(template))["properties"]
        except (ComfyError, InvalidRequest) as error:
            view["problem"] = error.message
        files = {
            str((values or {}).get(name, item["default"]))
            for name, item in view["inputs"].items()
            if item["x-comfypod"]["kind"] == Kind.FILE
        }
        view["missing_files"] = await self._inputs.missing(files)
        return view

    async def changed_values(self, template: Template, texts: Mapping[str, str]) -> dict[str, str]:
        """Return what the form sets differently from the workflow, and seeds that are to stay as they are."""
        values = values_of(texts)
        try:
            schema = await self.templates.schema(template)
        except ComfyError:  # it stopped after it had described the form
            return values
        defaults = {name: _as_text(item["default"]) for name, item in schema["properties"].items()}
        kept = {
            name for name, item in schema["properties"].items() if item["x-comfypod"]["kind"] == Kind.SEED
        }
        kept |= set(schema.get("required", ()))
        return {name: text for name, text in values.items() if name in kept or text != defaults.get(name)}


Forms = Annotated[TemplateForms, Depends()]


async def fields_of(request: Request, *lists: str) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """Return the texts of a form, and those of fields that may occur several times."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD) as sent:
        texts = {name: value for name, value in sent.items() if isinstance(value, str)}
        return texts, {name: sent.getlist(name) for name in lists}


def values_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the inputs, without seeds that are random for each run."""
    return {
        name.removeprefix(VALUE): text.replace("\r\n", "\n")
        for name, text in texts.items()
        if name.startswith(VALUE) and f"{RANDOM}{name.removeprefix(VALUE)}" not in texts
    }


def _as_text(value: Any) -> str:
    """Return a default as the form has it."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace("\r\n", "\n")
