"""Submitting prompts, finding them again, and cancelling them."""

import uuid
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

from backend.comfy.errors import ComfyError, InvalidResponse, PromptRejected
from backend.comfy.outcomes import PromptRecord, PromptState
from backend.comfy.problems import NodeProblems, Problem, read_node_problems, read_problem
from backend.comfy.records import QueuedPrompt, read_history, read_job, read_queued, record_of_queued
from backend.comfy.transport import MEGABYTE, Reply, Transport
from backend.comfy.wire import as_dict, as_list, as_number

# The queue holds whole graphs, and so does the history.
MOST_BYTES = 64 * MEGABYTE
# What versions without a route say: not found or, for POST, not allowed.
NO_SUCH_ROUTE = {404, 405}


@dataclass(frozen=True, kw_only=True)
class Submitted:
    prompt_id: str
    # Its place in the queue: lower runs first.
    number: float
    # Outputs that ComfyUI dropped because of these. Empty, unless that was allowed.
    dropped: tuple[NodeProblems, ...] = ()
    # Whether ComfyUI knew it before, so that it was not submitted again.
    existed: bool = False


class SubmitOptions(TypedDict, total=False):
    # The socket that gets the events: `EventStream.client_id`.
    client_id: str
    # The workflow as the editor draws it, which ComfyUI embeds in images.
    workflow: dict[str, Any]
    # Anything else for nodes, such as `preview_method` or an API key of comfy.org.
    extra_data: dict[str, Any]
    # Its place in the queue: lower runs first. After all others by default.
    number: float
    # Before all others.
    front: bool
    # The outputs to run, all by default.
    targets: list[str]
    # ComfyUI drops invalid outputs and runs the rest. Unless this is set, that is taken back, and is a refusal.
    allow_partial: bool


class Prompts:
    """The queue of one ComfyUI. Ids are ours: `new_id` before `submit`, so that a prompt can be found after a crash."""

    def __init__(self, transport: Transport):
        self._transport = transport

    @staticmethod
    def new_id() -> str:
        return str(uuid.uuid4())

    async def submit(
        self, graph: dict[str, Any], prompt_id: str, **options: Unpack[SubmitOptions]
    ) -> Submitted:
        """Queue a prompt; raise `PromptRejected` when ComfyUI refuses it.

        Ids are not de-duplicated. After `Unreachable`, the prompt may or may not be queued: see `submit_once`.
        """
        body = _submission(graph, prompt_id, options)
        seconds = self._transport.timing.submission
        reply = await self._transport.request("POST", "/prompt", body=body, seconds=seconds)
        submitted = await self._read_submitted(reply, prompt_id)
        if submitted.dropped and not options.get("allow_partial", False):
            await self._forget(prompt_id)
            problem = Problem(type="outputs_dropped", message="Some outputs are invalid")
            raise PromptRejected(problem, submitted.dropped)
        return submitted

    async def submit_once(
        self, graph: dict[str, Any], prompt_id: str, **options: Unpack[SubmitOptions]
    ) -> Submitted:
        """Submit, unless ComfyUI knows that id.

        Safe to repeat after any error, by one caller at a time.
        """
        known = await self.find(prompt_id)
        if known:
            return Submitted(prompt_id=prompt_id, number=known.number or 0.0, existed=True)
        return await self.submit(graph, prompt_id, **options)

    async def find(self, prompt_id: str) -> PromptRecord | None:
        """Return what ComfyUI knows about a prompt; None if it neither waits, runs nor is in the history.

        None is certain: a prompt moves from the queue to the history, and is looked for in that order.
        """
        reply = await self._transport.request("GET", f"/api/jobs/{_id(prompt_id)}", most_bytes=MOST_BYTES)
        if reply.status in NO_SUCH_ROUTE:
            return None if reply.error() else await self._find_in_queue_and_history(prompt_id)
        record = read_job(as_dict(_body(reply), reply.request))
        if record is None or record.prompt_id != prompt_id:
            raise InvalidResponse(reply.request, "it is about no prompt, or another one")
        return record

    async def queue(self) -> list[QueuedPrompt]:
        """Return the prompts that run or wait, in the order in which they run, with their graphs."""
        request = "GET /queue"
        found = as_dict(await self._transport.get_json("/queue", most_bytes=MOST_BYTES), request)
        running = as_list(found.get("queue_running"), request)
        pending = as_list(found.get("queue_pending"), request)
        prompts = [
            *(read_queued(item, PromptState.RUNNING) for item in running),
            *(read_queued(item, PromptState.PENDING) for item in pending),
        ]
        if None in prompts:
            raise InvalidResponse(request, "an entry is no prompt")
        known = [prompt for prompt in prompts if prompt]
        return sorted(known, key=lambda prompt: (prompt.state != PromptState.RUNNING, prompt.number))

    async def remaining(self) -> int:
        """Return how many prompts run or wait."""
        request = "GET /prompt"
        told = as_dict(await self._transport.get_json("/prompt"), request).get("exec_info")
        number = as_number(as_dict(told, request).get("queue_remaining"))
        if number is None or number < 0:
            raise InvalidResponse(request, "it has no number of prompts")
        return int(number)

    async def active(self) -> list[PromptRecord]:
        """Return the prompts that run or wait, without their graphs."""
        query: dict[str, str | int] = {"status": "in_progress,pending", "sort_order": "asc"}
        reply = await self._transport.request("GET", "/api/jobs", query=query, most_bytes=MOST_BYTES)
        if reply.status in NO_SUCH_ROUTE:
            return [record_of_queued(queued) for queued in await self.queue()]
        jobs = as_list(as_dict(_body(reply), reply.request).get("jobs"), reply.request)
        records = [record for job in jobs if (record := read_job(as_dict(job, reply.request)))]
        return sorted(records, key=lambda record: (record.state != PromptState.RUNNING, record.number or 0.0))

    async def history(self, limit: int = 50) -> list[PromptRecord]:
        """Return the prompts that have ended, newest first. A restart of ComfyUI forgets them."""
        request = "GET /history"
        found = await self._transport.get_json("/history", {"max_items": limit}, most_bytes=MOST_BYTES)
        records = [read_history(prompt_id, entry) for prompt_id, entry in as_dict(found, request).items()]
        return [record for record in reversed(records) if record]

    async def cancel(self, prompt_id: str) -> bool:
        """Take a prompt out of the queue, or interrupt it. Return whether there was something to cancel.

        One that runs ends at its next step, and is `cancelled` only then.
        """
        reply = await self._transport.request("POST", f"/api/jobs/{_id(prompt_id)}/cancel")
        if reply.status in NO_SUCH_ROUTE:
            return await self._cancel_by_steps(prompt_id)
        return as_dict(_body(reply), reply.request).get("cancelled") is True

    async def take_out(self, prompt_id: str) -> None:
        """Delete a prompt from the queue if it waits. One that runs goes on."""
        await self._transport.post("/queue", {"delete": [_id(prompt_id)]})

    async def interrupt(self) -> None:
        """Interrupt whatever runs, at its next step."""
        await self._transport.post("/interrupt", {})

    async def clear_pending(self) -> None:
        """Delete every prompt that waits, those of other clients too."""
        await self._transport.post("/queue", {"clear": True})

    async def delete_history(self, *prompt_ids: str) -> None:
        await self._transport.post("/history", {"delete": list(prompt_ids)})

    async def _read_submitted(self, reply: Reply, prompt_id: str) -> Submitted:
        if not reply.is_success:
            raise _refusal(reply)
        told = as_dict(reply.json(), reply.request)
        if told.get("prompt_id") != prompt_id:
            await self._forget(told.get("prompt_id"))
            raise InvalidResponse(reply.request, "it gave the prompt an id of its own, as old versions do")
        dropped = read_node_problems(told.get("node_errors"))
        return Submitted(prompt_id=prompt_id, number=as_number(told.get("number")) or 0.0, dropped=dropped)

    async def _forget(self, prompt_id: Any) -> None:
        """Take back a prompt that must not run, or that no caller could find again. It may have ended already."""
        if isinstance(prompt_id, str):
            try:
                await self.cancel(prompt_id)
            except ComfyError:
                return

    async def _find_in_queue_and_history(self, prompt_id: str) -> PromptRecord | None:
        for queued in await self.queue():
            if queued.prompt_id == prompt_id:
                return record_of_queued(queued)
        path = f"/history/{_id(prompt_id)}"
        found = as_dict(await self._transport.get_json(path, most_bytes=MOST_BYTES), f"GET {path}")
        if prompt_id not in found:
            return None
        record = read_history(prompt_id, found[prompt_id])
        if record is None:
            raise InvalidResponse(f"GET {path}", "the entry is no prompt")
        return record

    async def _cancel_by_steps(self, prompt_id: str) -> bool:
        """Delete it while it waits; interrupt it when it runs by then. ComfyUI checks that itself, if not atomically."""
        before = await self.find(prompt_id)
        if before is None or before.state.is_final:
            return False
        await self._transport.post("/queue", {"delete": [prompt_id]})
        now = await self.find(prompt_id)
        if now and now.state == PromptState.RUNNING:
            await self._transport.post("/interrupt", {"prompt_id": prompt_id})
            return True
        return now is None


def _submission(graph: dict[str, Any], prompt_id: str, options: SubmitOptions) -> dict[str, Any]:
    extra = dict(options.get("extra_data", {}))
    if "workflow" in options:
        extra["extra_pnginfo"] = {**(extra.get("extra_pnginfo") or {}), "workflow": options["workflow"]}
    body = {
        "prompt": graph,
        "prompt_id": prompt_id,
        "client_id": options.get("client_id"),
        "extra_data": extra or None,
        "number": options.get("number"),
        "front": options.get("front") or None,
        "partial_execution_targets": options.get("targets"),
    }
    return {key: value for key, value in body.items() if value is not None}


def _id(prompt_id: str) -> str:
    return quote(prompt_id, safe="", errors="replace")


def _body(reply: Reply) -> Any:
    if not reply.is_success:
        raise reply.rejected()
    return reply.json()


def _refusal(reply: Reply) -> ComfyError:
    """Tell a refused prompt from a refused request, such as one that is too large."""
    said = reply.error()
    if said is None:
        return reply.rejected()
    nodes = as_dict(reply.json(), reply.request).get("node_errors")
    return PromptRejected(read_problem(said), read_node_problems(nodes), upstream_status=reply.status)
