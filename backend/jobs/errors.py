"""What ComfyUI says about a failed prompt, as the error of an attempt."""

from dataclasses import asdict

from backend.comfy.errors import ComfyError, PromptRejected
from backend.comfy.outcomes import ExecutionError
from backend.comfy.problems import NodeProblems, ProblemType
from backend.jobs.models import ErrorKind, JobError, Prompt
from backend.workflows.requirements import is_model_file


def error_of_execution(error: ExecutionError, prompt: Prompt) -> JobError:
    """Return what a node raised, with the title that the user gave to the node."""
    kind = ErrorKind.OUT_OF_MEMORY if error.is_out_of_memory else ErrorKind.NODE
    title = title_of(prompt, error.node_id)
    name = _name_of(title, error) if error.node_id else "ComfyUI"
    return JobError(
        kind=kind,
        message=f"{name} failed: {error.message.strip() or error.exception_type}",
        node_id=error.node_id or None,
        node_type=error.node_type or None,
        node_title=title,
        traceback=error.traceback,
    )


def _name_of(title: str | None, error: ExecutionError) -> str:
    if title is None:
        return f"{error.node_type} (node {error.node_id})"
    return f"{title} ({error.node_type}, node {error.node_id})"


def error_of_rejection(error: PromptRejected, prompt: Prompt) -> JobError:
    """Return why ComfyUI refuses the prompt; a model file that it does not have is a kind of its own."""
    kind = ErrorKind.MISSING_MODEL if missing_models(error.nodes) else ErrorKind.INVALID
    first = error.nodes[0] if error.nodes else None
    return JobError(
        kind=kind,
        message=error.message,
        node_id=first.node_id if first else None,
        node_type=first.class_type if first else None,
        node_title=title_of(prompt, first.node_id) if first else None,
        details={"problem": asdict(error.problem), "nodes": [asdict(node) for node in error.nodes]},
    )


def error_of_connection(error: ComfyError) -> JobError:
    return JobError(kind=ErrorKind.CONNECTION, message=error.message)


def error_of_loss(*, died: bool) -> JobError:
    """Return why a prompt is not at ComfyUI any more: `died` says that its process is another one."""
    if died:
        return JobError(
            kind=ErrorKind.COMFYUI_DIED, message="ComfyUI died or was restarted while it ran the job."
        )
    return JobError(kind=ErrorKind.CONNECTION, message="ComfyUI does not know the prompt any more.")


def missing_models(nodes: tuple[NodeProblems, ...]) -> list[str]:
    """Return the model files that are not in ComfyUI's lists; empty when anything else is wrong, too."""
    problems = [problem for node in nodes for problem in node.problems]
    missing = [
        str(problem.received_value)
        for problem in problems
        if problem.type == ProblemType.NOT_IN_LIST and is_model_file(str(problem.received_value))
    ]
    return missing if len(missing) == len(problems) else []


def title_of(prompt: Prompt, node_id: str) -> str | None:
    """Return the title of a node, as the editor shows it. Ids of nodes in subgraphs have several parts: `12:3`."""
    node = prompt.get(node_id) or prompt.get(node_id.partition(":")[0])
    meta = node.get("_meta") if isinstance(node, dict) else None
    title = meta.get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) and title.strip() else None
