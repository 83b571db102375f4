"""Kills the control plane or the agents process around decisions about calls, and checks what is left.

Each round is a conversation in which the model wants to queue one job. A job is queued by no call but an approved one, so the jobs
with the name of a round show how often its call ran.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from backend.conversations import agents_config
from tests.support.assistant import API
from tests.support.comfyui.graphs import picture
from tests.support.comfyui.process import ComfyUI
from tests.support.messages_api import KEY, Answer, Call, MessagesApi
from tests.support.process import Process, free_port

PASSWORD = "kill test password"
KINDS = ("control plane", "agents")
PATIENCE_SECONDS = 180
# After the decision was sent.
LONGEST_DELAY = 0.6
POLL_SECONDS = 0.05
OVER = {"succeeded", "failed", "interrupted", "denied", "expired", "cancelled"}


@dataclass(kw_only=True)
class Report:
    kills: Counter[str] = field(default_factory=Counter)
    # States of the calls at the end.
    calls: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Kills:
    """A pod whose processes are killed."""

    def __init__(self, workspace: Path, api: MessagesApi, comfyui: ComfyUI, seed: int):
        self._random = random.Random(seed)
        self._api = api
        self._port = free_port()
        self._workspace = workspace
        self._plane = Process(
            {
                "WORKSPACE": str(workspace),
                "RUN_DIR": str(workspace / "run"),
                "SUPERVISOR_SOCKET": str(workspace / "run/supervisor.sock"),
                "LOG_DIR": str(workspace / "logs"),
                "ACCESS_PASSWORD": PASSWORD,
                "COMFYUI_URL": comfyui.url,
                "AGENTS_PORT": str(self._port),
                "AGENTS_IDLE_SECONDS": "30",
            }
        )
        self._token = ""
        self._workflow = ""
        self.report = Report()

    def run(self, kinds: list[str]) -> Report:
        """Kill once for each of `kinds`. What is wrong is in `problems`."""
        begun = time.monotonic()
        self._plane.start()
        try:
            self._prepare()
            for number, kind in enumerate(kinds):
                self._round(f"round-{number}", kind)
        finally:
            self._kill_agents()
            self._plane.stop()
        self.report.seconds = time.monotonic() - begun
        return self.report

    def _prepare(self) -> None:
        self._post("/api/jobs/pause")
        self._request("PATCH", "/api/assistant/settings", {"key": KEY, "base_url": self._api.url})
        opened = self._post("/api/workflows", {"document": picture(1)})
        self._workflow = opened["id"]

    def _round(self, name: str, kind: str) -> None:
        call = Call(
            tool="workflows_run", arguments={"workflow_id": self._workflow, "runs": [{}], "name": name}
        )
        self._api.scenario(f"{name}.", Answer(text="I run it.", calls=[call]), Answer(text="That was all."))
        path = f"{API}/{self._post(API, {})['id']}"
        self._post(f"{path}/messages", {"text": f"Please do {name}."})
        waiting = self._until(path, lambda calls, _: [c for c in calls if c["state"] == "waiting"])[0]
        killer = threading.Timer(self._random.uniform(0, LONGEST_DELAY), self._kill, [kind])
        killer.start()
        self._decide(f"{path}/calls/{waiting['id']}/decision")
        killer.join()
        self.report.kills[kind] += 1
        if kind == "control plane":
            self._plane.start()
            self._decide(f"{path}/calls/{waiting['id']}/decision")
        self._check(name, path)

    def _check(self, name: str, path: str) -> None:
        calls, events = self._until(path, lambda calls, events: (calls, events) if _is_over(events) else None)
        state = calls[0]["state"]
        self.report.calls[state] += 1
        page = self._get("/api/jobs", limit=200)
        jobs = [job for job in page if job["name"] == name]
        wanted = {1} if state == "succeeded" else {0, 1}
        if len(jobs) not in wanted:
            self.report.problems.append(f"{name}: the call is {state}, and there are {len(jobs)} jobs")
        said = [event["data"]["text"] for event in events if event["type"] in ("user", "assistant")]
        if said != [f"Please do {name}.", "I run it.", "That was all."]:
            end = next(event["data"] for event in events if event["type"] == "turn")
            self.report.problems.append(f"{name}: the conversation is {said}; it ended with {end}")

    def _kill(self, kind: str) -> None:
        if kind == "control plane":
            self._plane.kill()
        else:
            self._kill_agents()

    def _kill_agents(self) -> None:
        state = self._workspace / ".comfypod" / agents_config.FOLDER
        try:
            secret = agents_config.read(state / agents_config.CONFIG_FILE).secret
            url = f"http://127.0.0.1:{self._port}/health"
            response = httpx.get(
                url, headers={"Authorization": f"Bearer {secret}"}, timeout=5, trust_env=False
            )
            os.kill(response.json()["pid"], signal.SIGKILL)
        except (httpx.HTTPError, OSError, json.JSONDecodeError):
            return  # it does not run

    def _decide(self, path: str) -> None:
        """Approve, and again when the connection broke: the second time may be one too many, which is refused."""
        try:
            self._post(path, {"approve": True})
        except httpx.TransportError:
            return
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 409:
                raise

    def _until(self, path: str, wanted: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                events = self._get(f"{path}/events", limit=5000)
            except httpx.TransportError:
                events = []
            calls = list(
                {event["item"]: event["data"] for event in events if event["type"] == "call"}.values()
            )
            if found := wanted(calls, events):
                return found
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"it took too long; the last events: {events[-5:]}")

    def _get(self, path: str, **query: Any) -> Any:
        return self._request("GET", path, None, query)

    def _post(self, path: str, body: Any = None) -> Any:
        return self._request("POST", path, body)

    def _request(self, method: str, path: str, body: Any, query: Any = None) -> Any:
        with httpx.Client(base_url=self._plane.url, timeout=30, trust_env=False, verify=False) as client:
            if not self._token:
                answer = client.post("/api/auth/login", json={"password": PASSWORD})
                self._token = answer.json()["access_token"]
            headers = {"Authorization": f"Bearer {self._token}"}
            response = client.request(method, path, json=body, params=query, headers=headers)
        response.raise_for_status()
        return response.json() if response.content else None


def _is_over(events: list[dict[str, Any]]) -> bool:
    return any(event["type"] == "turn" for event in events)
