"""What `/api/jobs` tells about prompts."""

import uuid
from typing import Any

STATES = ["pending", "in_progress", "completed", "failed", "cancelled"]
ENDINGS = ("execution_success", "execution_error", "execution_interrupted")
THREE_D = (".obj", ".fbx", ".gltf", ".glb", ".usdz")


def is_job_id(value: Any) -> bool:
    """Only the lowercase form with hyphens is one."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def without_nothing(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if value is not None}


def extra(extra_data: dict[str, Any]) -> dict[str, Any]:
    workflow = extra_data.get("extra_pnginfo", {}).get("workflow", {})
    return {"create_time": extra_data.get("create_time"), "workflow_id": workflow.get("id")}


def queued(item: Any, status: str) -> dict[str, Any]:
    number, prompt_id, _, extra_data, _ = item
    counts = {"outputs_count": 0, "previewable_outputs_count": 0}
    return without_nothing(
        {"id": prompt_id, "status": status, "priority": number, **counts, **extra(extra_data)}
    )


def finished(prompt_id: str, entry: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    number, _, prompt, extra_data, _ = entry["prompt"]
    messages = dict(entry["status"]["messages"])
    ending = next((messages[name] for name in ENDINGS if name in messages), {})
    status = "completed"
    if entry["status"]["status_str"] == "error":
        status = "cancelled" if "execution_interrupted" in messages else "failed"
    items = [
        (node_id, kind, item)
        for node_id, shown in entry["outputs"].items()
        for kind, listed in shown.items()
        if kind != "animated" and isinstance(listed, (list, tuple))
        for item in map(normal, listed)
        if isinstance(item, dict)
    ]
    preview = next(({**item, "nodeId": node, "mediaType": kind} for node, kind, item in items), None)
    job = without_nothing(
        {
            "id": prompt_id,
            "status": status,
            "priority": number,
            "execution_start_time": messages.get("execution_start", {}).get("timestamp"),
            "execution_end_time": ending.get("timestamp"),
            "execution_error": messages.get("execution_error"),
            "outputs_count": len(items),
            "previewable_outputs_count": len(items),
            "preview_output": preview,
            **extra(extra_data),
        }
    )
    if whole:
        job["outputs"] = {
            node_id: {
                kind: [normal(item) for item in listed if item is not None]
                if isinstance(listed, list)
                else listed
                for kind, listed in shown.items()
            }
            for node_id, shown in entry["outputs"].items()
        }
        job["execution_status"] = entry["status"]
        job["workflow"] = {"prompt": prompt, "extra_data": extra_data}
    return job


def normal(item: Any) -> Any:
    if isinstance(item, str) and item.lower().endswith(THREE_D):
        return {"filename": item, "type": "output", "subfolder": "", "mediaType": "3d"}
    return item


def find(
    prompt_id: str, running: list[Any], pending: list[Any], history: dict[str, Any]
) -> dict[str, Any] | None:
    """An id that is in the queue twice counts as finished as soon as its first run is."""
    if prompt_id in history:
        return finished(prompt_id, history[prompt_id], whole=True)
    for items, status in ((running, "in_progress"), (pending, "pending")):
        for item in items:
            if item[1] == prompt_id:
                return queued(item, status)
    return None


def listed(
    states: list[str], query: Any, running: list[Any], pending: list[Any], history: dict[str, Any]
) -> list[dict[str, Any]]:
    jobs = [
        *(queued(item, "in_progress") for item in running),
        *(queued(item, "pending") for item in pending),
        *(finished(prompt_id, entry) for prompt_id, entry in history.items()),
    ]
    workflow_id = query.get("workflow_id")
    jobs = [
        job for job in jobs if job["status"] in states and workflow_id in (None, "", job.get("workflow_id"))
    ]

    def duration(job: dict[str, Any]) -> int:
        return job.get("execution_end_time", 0) - job.get("execution_start_time", 0)

    by_duration = query.get("sort_by") == "execution_duration"
    key = duration if by_duration else lambda job: job.get("create_time", 0)
    return sorted(jobs, key=key, reverse=query.get("sort_order", "desc") == "desc")
