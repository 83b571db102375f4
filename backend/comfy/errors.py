"""What can go wrong between ComfyUI and this program, grouped by what helps.

    ComfyError
    ├── try again later
    │   └── Unreachable         503  no connection, no response in time, or a proxy that says so
    ├── change the request
    │   ├── FileMissing         404  ComfyUI has no such file
    │   └── Rejected            400  ComfyUI refuses the request
    │       └── PromptRejected       and says what is wrong with the prompt, node by node
    └── repair ComfyUI
        └── InvalidResponse     502  something else than its API promises

A prompt that fails while it runs is not an exception here: it ends as `outcomes.Failed`.
"""

from backend.comfy.problems import MISSING_NODE_TYPE, NodeProblems, Problem
from backend.core.errors import AppError


class ComfyError(AppError):
    """ComfyUI did not do what it was asked to."""

    code = "comfyui_error"


class Unreachable(ComfyError):
    """ComfyUI does not answer."""

    status = 503
    code = "comfyui_unreachable"

    def __init__(self, reason: str):
        super().__init__("ComfyUI does not answer. It may be starting; see its log.", reason=reason)
        self.reason = reason


class FileMissing(ComfyError):
    """ComfyUI has no such file, or not any more."""

    status = 404
    code = "comfyui_file_missing"

    def __init__(self, name: str):
        super().__init__(f"ComfyUI has no file `{name}`. It may have been deleted.", name=name)


class Rejected(ComfyError):
    """ComfyUI refuses the request."""

    status = 400
    code = "comfyui_rejected"

    def __init__(self, message: str, *, upstream_status: int):
        super().__init__(message, upstream_status=upstream_status)
        self.upstream_status = upstream_status


class PromptRejected(Rejected):
    """ComfyUI refuses the prompt, or would leave out some of its outputs."""

    code = "comfyui_prompt_rejected"

    def __init__(self, problem: Problem, nodes: tuple[NodeProblems, ...], *, upstream_status: int = 400):
        super().__init__(_sentence(problem, nodes), upstream_status=upstream_status)
        self.problem = problem
        self.nodes = nodes

    @property
    def missing_node_type(self) -> str | None:
        """The node type that ComfyUI does not know, where that is the reason."""
        return self.problem.class_type if self.problem.type in MISSING_NODE_TYPE else None


class InvalidResponse(ComfyError):
    """ComfyUI, or what runs in its place, sent something that its API does not promise."""

    status = 502
    code = "comfyui_invalid_response"

    def __init__(self, request: str, reason: str):
        super().__init__(
            f"ComfyUI sent an invalid response to {request}: {reason}. See its log.", request=request
        )
        self.reason = reason


def _sentence(problem: Problem, nodes: tuple[NodeProblems, ...]) -> str:
    first = next(((node, each) for node in nodes for each in node.problems), None)
    if first is None:
        return f"ComfyUI refuses the workflow: {problem.message}"
    node, found = first
    more = sum(len(node.problems) for node in nodes) - 1
    others = f" ({more} more)" if more else ""
    return f"ComfyUI refuses the workflow. Node {node.node_id} ({node.class_type}): {found.text}{others}"
