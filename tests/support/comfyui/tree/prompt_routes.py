"""Submitting, the queue, history and jobs."""

import json
import time
import uuid
from typing import Any

import jobs
import nodes
from aiohttp import web
from comfy import model_management
from execution import SENSITIVE
from validation import problem, validate_prompt


def routes(server: Any) -> list[web.RouteDef]:
    here = PromptRoutes(server)
    return [
        web.get("/prompt", here.show_prompt),
        web.post("/prompt", here.submit),
        web.get("/queue", here.show_queue),
        web.post("/queue", here.change_queue),
        web.get("/history", here.show_history),
        web.post("/history", here.change_history),
        web.get("/history/{prompt_id}", here.show_history_of),
        web.post("/interrupt", here.interrupt),
        web.post("/free", here.free),
        web.get("/object_info", here.object_info),
        web.get("/object_info/{name}", here.object_info_of),
    ]


def jobs_routes(server: Any) -> list[web.RouteDef]:
    here = JobsRoutes(server)
    return [
        web.get("/api/jobs", here.list_jobs),
        web.get("/api/jobs/{job_id}", here.show_job),
        web.post("/api/jobs/cancel", here.cancel_several),
        web.post("/api/jobs/{job_id}/cancel", here.cancel),
    ]


class PromptRoutes:
    def __init__(self, server: Any) -> None:
        self.server = server
        self.queue = server.queue

    async def show_prompt(self, _: web.Request) -> web.Response:
        return web.json_response(self.server.queue_info())

    async def submit(self, request: web.Request) -> web.Response:
        print("got prompt")
        body = await request.json()
        if "number" in body:
            number = float(body["number"])
        else:
            number = -self.server.number if body.get("front") else self.server.number
            self.server.number += 1
        if "prompt" not in body:
            return refuse(problem("no_prompt", "No prompt provided", "No prompt provided"))
        prompt_id = body.get("prompt_id")
        if prompt_id is None:
            prompt_id = str(uuid.uuid4())
        elif not self.server.old and not jobs.is_job_id(prompt_id):
            details = "prompt_id must be a UUID string in canonical lowercase hyphenated form"
            return refuse(problem("invalid_prompt_id", "prompt_id must be a valid UUID", details))
        error, outputs, node_errors = validate_prompt(body["prompt"], body.get("partial_execution_targets"))
        if error:
            if self.server.old and error["type"] == "missing_node_type":
                message = f"Cannot execute because node {error['extra_info']['class_type']} does not exist."
                error = problem("invalid_prompt", message, error["details"])
            print(f"invalid prompt: {error}")
            return refuse(error, node_errors)
        extra_data = body.get("extra_data", {})
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        sensitive = {key: extra_data.pop(key) for key in SENSITIVE if key in extra_data}
        if not self.server.old:
            extra_data["create_time"] = int(time.time() * 1000)
        self.queue.put((number, prompt_id, body["prompt"], extra_data, outputs, sensitive))
        return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": node_errors})

    async def show_queue(self, _: web.Request) -> web.Response:
        running, pending = self.queue.current()
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def change_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self.queue.wipe()
        for prompt_id in body.get("delete", []):
            self.queue.delete(prompt_id)
        return web.Response()

    async def show_history(self, request: web.Request) -> web.Response:
        """Without an offset, the newest ones."""
        items = list(self.queue.history.items())
        most = int(request.query.get("max_items", len(items)))
        offset = int(request.query.get("offset", -1))
        first = max(len(items) - most, 0) if offset < 0 else offset
        return web.json_response(dict(items[first : first + most]))

    async def show_history_of(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["prompt_id"]
        found = self.queue.history.get(prompt_id)
        return web.json_response({prompt_id: found} if found else {})

    async def change_history(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self.queue.history = {}
        for prompt_id in body.get("delete", []):
            self.queue.history.pop(prompt_id, None)
        return web.Response()

    async def interrupt(self, request: web.Request) -> web.Response:
        """Look whether that prompt runs, and interrupt whatever runs by then. Without an id, just interrupt."""
        try:
            prompt_id = (await request.json()).get("prompt_id")
        except json.JSONDecodeError:
            prompt_id = None
        running, _ = self.queue.current()
        if not prompt_id or any(item[1] == prompt_id for item in running):
            model_management.interrupt_current_processing()
        return web.Response()

    async def free(self, request: web.Request) -> web.Response:
        body = await request.json()
        for flag in ("unload_models", "free_memory"):
            if body.get(flag):
                self.queue.set_flag(flag)
        return web.Response()

    async def object_info(self, _: web.Request) -> web.Response:
        return web.json_response(nodes.describe_all())

    async def object_info_of(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({name: nodes.describe(name)} if name in nodes.NODE_CLASS_MAPPINGS else {})


class JobsRoutes:
    def __init__(self, server: Any) -> None:
        self.queue = server.queue

    async def list_jobs(self, request: web.Request) -> web.Response:
        query = request.query
        states = [
            state.strip() for state in query.get("status", ",".join(jobs.STATES)).split(",") if state.strip()
        ]
        unknown = [state for state in states if state not in jobs.STATES]
        if unknown:
            return web.json_response({"error": f"Invalid status value(s): {', '.join(unknown)}"}, status=400)
        try:
            limit = int(query["limit"]) if "limit" in query else None
            offset = max(0, int(query.get("offset", 0)))
        except ValueError:
            return web.json_response({"error": "limit and offset must be integers"}, status=400)
        if limit is not None and limit <= 0:
            return web.json_response({"error": "limit must be a positive integer"}, status=400)
        found = jobs.listed(states, query, *self.queue.current(), self.queue.history)
        page = found[offset:] if limit is None else found[offset : offset + limit]
        more = offset + len(page) < len(found)
        pagination = {"offset": offset, "limit": limit, "total": len(found), "has_more": more}
        return web.json_response({"jobs": page, "pagination": pagination})

    async def show_job(self, request: web.Request) -> web.Response:
        job = jobs.find(request.match_info["job_id"], *self.queue.current(), self.queue.history)
        if job is None:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(job)

    async def cancel(self, request: web.Request) -> web.Response:
        return web.json_response({"cancelled": self.cancel_one(request.match_info["job_id"])})

    async def cancel_several(self, request: web.Request) -> web.Response:
        body = await request.json()
        wanted = body.get("job_ids") if isinstance(body, dict) else None
        if not isinstance(wanted, list):
            return web.json_response({"error": "job_ids must be a list"}, status=400)
        invalid = [str(each) for each in wanted if not jobs.is_job_id(each)]
        if invalid:
            error = {"error": "job_ids contains invalid id(s)", "invalid_ids": invalid}
            return web.json_response(error, status=400)
        return web.json_response({"cancelled": any([self.cancel_one(each) for each in wanted])})

    def cancel_one(self, prompt_id: str) -> bool:
        return self.queue.interrupt_if_running(prompt_id) or self.queue.delete(prompt_id)


def refuse(error: dict[str, Any], node_errors: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"error": error, "node_errors": node_errors or {}}, status=400)
