"""Requests and responses of the custom nodes API."""

from datetime import datetime

from pydantic import BaseModel, Field

from backend.nodes.models import Action, Origin, State

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
VERSION = r"^[A-Za-z0-9][A-Za-z0-9.+_-]{0,99}$"


class NodeView(BaseModel):
    """A custom node."""

    name: str
    origin: Origin = Field(description="`image` nodes are part of the image and cannot be changed.")
    enabled: bool
    version: str = Field(description="A version of the registry, or a commit; empty where unknown.")
    branch: str = Field(description="Of a git checkout that follows one.")
    repository: str
    changeable: bool = Field(
        description="False for nodes of the image, and for a name that only a shell should handle."
    )
    failed: bool = Field(description="Whether ComfyUI could not import it.")
    error: str = Field(description="Why, if ComfyUI said so.")


class OperationView(BaseModel):
    """The newest operation on a node."""

    action: Action
    name: str
    state: State
    message: str = Field(description="The result, or why it failed and what to do.")
    log: list[str]
    started_at: datetime
    finished_at: datetime | None


class NodesView(BaseModel):
    nodes: list[NodeView]
    operation: OperationView | None
    needs_restart: bool = Field(description="Whether ComfyUI must be restarted to see what was changed.")


class InstallRequest(BaseModel):
    """A node to install."""

    source: str = Field(
        min_length=1,
        max_length=500,
        description="Address of a git repository, or the id of a node in the Comfy Registry, as `ID` or `ID@VERSION`.",
    )
    commit: str = Field(
        default="",
        pattern=f"^$|{VERSION}",
        description="Commit, tag or branch of the repository; default: the newest of its default branch.",
    )
    name: str = Field(default="", pattern=f"^$|{NAME}", description="Folder below `custom_nodes`.")


class UpdateRequest(BaseModel):
    version: str = Field(
        default="", pattern=f"^$|{VERSION}", description="Commit or version; default: the newest."
    )
