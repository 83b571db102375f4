"""A conversation through the API, and the scenarios that several suites play."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from backend.conversations import agents_config
from tests.support.control_plane import ControlPlane
from tests.support.messages_api import KEY, Answer, Asked, Call, MessagesApi

API = "/api/assistant/conversations"
Event = dict[str, Any]


async def set_up(pod: ControlPlane, api: MessagesApi, **settings: Any) -> None:
    """Have the assistant of `pod` use the stand-in."""
    wanted = {"key": KEY, "base_url": api.url, **settings}
    response = await pod.client.patch("/api/assistant/settings", json=wanted)
    assert response.status_code == 200, response.text


class Chat:
    """One conversation. `events` are those that its socket has sent, in order."""

    def __init__(self, pod: ControlPlane, conversation_id: str):
        self.pod = pod
        self.id = conversation_id
        self.path = f"{API}/{conversation_id}"
        self.events: list[Event] = []
        self.process: list[str] = []

    @classmethod
    async def begin(cls, pod: ControlPlane) -> "Chat":
        response = await pod.client.post(API, json={})
        assert response.status_code == 201, response.text
        return cls(pod, response.json()["id"])

    async def send(self, text: str, **more: Any) -> None:
        response = await self.pod.client.post(f"{self.path}/messages", json={"text": text, **more})
        assert response.status_code == 202, response.text

    async def decide(self, call_id: str, *, approve: bool = True, **more: Any) -> httpx.Response:
        path = f"{self.path}/calls/{call_id}/decision"
        return await self.pod.client.post(path, json={"approve": approve, **more})

    async def until(self, wanted: Callable[[Event], bool], seconds: float = 90) -> Event:
        """Follow the socket until an event is as wanted, and return it. What came before is in `events`."""
        after = self.events[-1]["number"] if self.events else 0
        async with (
            asyncio.timeout(seconds),
            self.pod.socket(f"/ws/assistant/{self.id}?after={after}") as frames,
        ):
            async for text in frames:
                for event in self._events_of(json.loads(text)):
                    self.events.append(event)
                    if wanted(event):
                        return event
        raise AssertionError("the socket was closed before the event came")

    async def until_turn_ends(self) -> Event:
        return await self.until(lambda event: event["type"] == "turn")

    async def until_waiting(self) -> Event:
        """Return the call that waits for a decision, once the conversation waits for it."""
        await self.until(lambda event: event["type"] == "state" and event["data"]["state"] == "waiting")
        return next(call for call in reversed(self.calls()) if call["state"] == "waiting")

    def calls(self) -> list[Event]:
        """Return each call as it is at present."""
        newest = {event["item"]: event["data"] for event in self.events if event["type"] == "call"}
        return list(newest.values())

    def texts(self) -> list[str]:
        return [event["data"]["text"] for event in self.events if event["type"] == "assistant"]

    def of_type(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def _events_of(self, frame: Event) -> list[Event]:
        if frame["type"] == "snapshot":
            events: list[Event] = frame["events"]
            return events
        if frame["type"] == "process":
            self.process.append(frame["state"])
        return [frame] if "number" in frame else []


@asynccontextmanager
async def agents_client(state: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the agents process itself."""
    secret = agents_config.read(state / agents_config.FOLDER / agents_config.CONFIG_FILE).secret
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=headers, verify=False, trust_env=False) as client:
        yield client


async def kill_agents(state: Path, port: int) -> None:
    """End the agents process as a crash does."""
    async with agents_client(state, port) as client:
        os.kill((await client.get("/health")).json()["pid"], signal.SIGKILL)


def repair(value: int) -> list[Answer]:
    """Return what a model says that repairs a failed job: it finds the wrong value of node 5, and runs it again."""
    return [
        Answer(text="I look at the last job.", calls=[Call(tool="jobs_list", arguments={"limit": 1})]),
        Answer(calls=[Call(tool="jobs_get", arguments=lambda asked: {"job_id": _first_job(asked)})]),
        Answer(
            text="Node **5** has `steps` = 99999, and the most is 10000.",
            calls=[Call(tool="workflows_open", arguments=lambda asked: {"job_id": _first_job(asked)})],
        ),
        Answer(calls=[Call(tool="workflows_patch", arguments=lambda asked: _patch(asked, value))]),
        Answer(
            text=f"`steps` is {value} now. I run it.",
            calls=[
                Call(
                    tool="workflows_run",
                    arguments=lambda asked: {"workflow_id": asked.result()["workflow"]["id"], "runs": [{}]},
                )
            ],
        ),
        Answer(
            calls=[Call(tool="jobs_wait", arguments=lambda asked: {"job_ids": asked.result()["job_ids"]})],
        ),
        Answer(text="The job has **succeeded**."),
    ]


def _first_job(asked: Asked) -> str:
    found = asked.result(0)
    jobs = found["result"] if isinstance(found, dict) else found
    return str(jobs[0]["id"])


def _patch(asked: Asked, value: int) -> dict[str, Any]:
    document = asked.result()
    return {
        "workflow_id": document["id"],
        "base": document["version"],
        "operations": [{"op": "set_input", "node": "5", "input": "steps", "value": value}],
        "reason": f"steps must be at most 10000: {value}",
    }
