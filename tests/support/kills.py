"""Kills the control plane, ComfyUI or both at random moments while they run jobs, and checks what is left.

Kinds of kills: either process alone, both, the control plane with the loss of its database, and the whole pod, whose jobs
a pod of another name takes over. A start may be killed, too.
"""

import hashlib
import json
import os
import random
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.comfyui.graphs import Graph, node, through
from tests.support.comfyui.process import ComfyUI
from tests.support.process import Process

PASSWORD = "kill test password"
KINDS = ("control plane", "comfyui", "both", "new database", "new pod")
# Shares of a queue; all others make one picture.
SEVERAL, TEXT, FAILING, DEPENDENT, CANCELLED = 0.08, 0.08, 0.06, 0.06, 0.06
LONGEST_JOB = 0.3
# Between two kills; a control plane that starts and runs nothing would prove little.
SHORTEST_GAP, LONGEST_GAP = 0.05, 2.5
KILLED_WHILE_STARTING = 0.15
PATIENCE_SECONDS = 120
RETRIES = 1


@dataclass(frozen=True, kw_only=True)
class Run:
    """An execution of a job at ComfyUI, as the node that runs has written it down."""

    process: int
    prompt_id: str
    job: str
    ended: bool


@dataclass(kw_only=True)
class Report:
    kills: Counter[str] = field(default_factory=Counter)
    killed_while_starting: int = 0
    jobs: int = 0
    states: Counter[str] = field(default_factory=Counter)
    outputs: int = 0
    # Jobs that ran more than once, because ComfyUI died before their outputs were fetched.
    repeated: int = 0
    # Jobs during which ComfyUI died twice; a user retried them.
    blocked: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "kills": dict(self.kills),
            "all_kills": self.kills.total(),
            "states": dict(self.states),
            "seconds": round(self.seconds, 1),
        }


class KillTest:
    """One pod and one volume. `run_queue` submits jobs, kills until they have ended, and checks them."""

    def __init__(self, folder: Path, seed: int):
        self.report = Report()
        self._random = random.Random(seed)
        self._folder = folder
        self._workspace = folder / "workspace"
        self._outputs = self._workspace / "ComfyUI/output/jobs"
        self._comfyui = ComfyUI(self._workspace / "ComfyUI").with_test_nodes()
        self._log = folder / "executions.log"
        self._journals = self._workspace / ".comfypod/jobs"
        self._environment = {
            "WORKSPACE": str(self._workspace),
            "RUN_DIR": str(folder / "run"),
            "STATE_DIR": str(folder / "state-0"),
            "ACCESS_PASSWORD": PASSWORD,
            "COMFYUI_URL": self._comfyui.url,
            # A proxy that is not there: ComfyUI is reached without it.
            "HTTP_PROXY": "http://127.0.0.1:9",
        }
        self._control_plane = Process(self._environment)
        self._client = httpx.Client(base_url=self._control_plane.url, timeout=60, trust_env=False)
        self._databases = 0
        self._queues = 0
        # The jobs of this test that a user has cancelled, with the state in which they were.
        self._cancelled: dict[str, str] = {}

    def start(self) -> None:
        self._start("both")

    def stop(self) -> None:
        self._client.close()
        self._control_plane.stop()
        self._comfyui.stop()

    def run_queue(self, jobs: int, most_kills: int) -> None:
        """Submit `jobs` jobs and kill until they have ended, or `most_kills` times."""
        started, before = time.monotonic(), self.report.kills.total()
        self._queues += 1
        names = self._submit(jobs)
        to_cancel = [name for name in names if "cancelled" in name]
        while self.report.kills.total() - before < most_kills and not self._has_ended():
            time.sleep(self._random.uniform(SHORTEST_GAP, LONGEST_GAP))
            if to_cancel and self._random.random() < 0.5:
                self._cancel(to_cancel.pop(), names)
            self._kill(self._random.choice(KINDS))
        for name in to_cancel:
            self._cancel(name, names)
        self._wait()
        self._check(names)
        self.report.jobs += jobs
        self.report.seconds += time.monotonic() - started

    # Submitting

    def _submit(self, count: int) -> dict[str, str]:
        """Return the ids of the jobs by their names."""
        shares = {
            "several": SEVERAL,
            "text": TEXT,
            "failing": FAILING,
            "dependent": DEPENDENT,
            "cancelled": CANCELLED,
        }
        counts = {kind: round(count * share) for kind, share in shares.items()}
        counts = {"picture": count - sum(counts.values()), **counts}
        ids: dict[str, str] = {}
        for kind, number in counts.items():
            if number:
                ids |= self._submit_kind(kind, number, list(ids.values()))
        return ids

    def _submit_kind(self, kind: str, count: int, earlier: list[str]) -> dict[str, str]:
        jobs = []
        for number in range(count):
            name = f"{self._queues} {kind} {number}"
            job: dict[str, Any] = {
                "name": "all" if number % 2 else name,  # jobs of the same name must not disturb each other
                "values": {"5.job": name, "5.seconds": self._random.uniform(0.0, LONGEST_JOB)},
                "metadata": {"name": name},
                "retry_limit": RETRIES,
            }
            if kind == "dependent":
                job["depends_on"] = [self._random.choice(earlier)]
            jobs.append(job)
        answer = self._request(
            "POST", "/api/jobs", json={"prompt": self._prompt(kind), "template": kind, "jobs": jobs}
        )
        return {job["metadata"]["name"]: job["id"] for job in answer.json()["jobs"]}

    def _prompt(self, kind: str) -> Graph:
        prompt = through("TestRecord", path=str(self._log), job="", seconds=0.0)
        match kind:
            case "several":
                prompt["10"] = prompt["9"] | {"inputs": {**prompt["9"]["inputs"], "images": ["1", 0]}}
            case "text":
                prompt["9"] = node("TestShow", image=["5", 0], shown=json.dumps({"text": ["a line"]}))
            case "failing":
                prompt["6"] = node("TestFail", image=["5", 0], message="it always fails")
                prompt["9"]["inputs"]["images"] = ["6", 0]
        return prompt

    def _cancel(self, name: str, ids: dict[str, str]) -> None:
        answer = self._request("POST", f"/api/jobs/{ids[name]}/cancel", check=False)
        if answer.is_success:
            self._cancelled[name] = answer.json()["state"]

    # Killing

    def _kill(self, kind: str) -> None:
        self.report.kills[kind] += 1
        if kind != "comfyui":
            self._control_plane.kill()
        if kind in ("comfyui", "both", "new pod"):
            self._comfyui.kill()
        if kind in ("new database", "new pod"):
            self._databases += 1
            self._environment["STATE_DIR"] = str(self._folder / f"state-{self._databases}")
        if kind == "new pod":
            self._rename_pod()
        time.sleep(self._random.choice((0.0, self._random.uniform(0.0, 1.0))))
        if kind != "comfyui" and self._random.random() < KILLED_WHILE_STARTING:
            self._kill_while_starting()
        self._start("control plane" if kind == "new database" else "both" if kind == "new pod" else kind)

    def _rename_pod(self) -> None:
        """Leave the volume as a pod of another name does that has been gone for an hour."""
        hour_ago = time.time() - 3600
        for journal in self._journals.glob(f"*{socket.gethostname()}*"):
            gone = journal.with_name(journal.name.replace(socket.gethostname(), f"pod-{self._databases}"))
            journal.rename(gone)
            os.utime(gone, (hour_ago, hour_ago))

    def _kill_while_starting(self) -> None:
        self.report.killed_while_starting += 1
        self._control_plane.start_without_waiting()
        time.sleep(self._random.uniform(0.0, 2.0))
        self._control_plane.kill()

    def _start(self, what: str) -> None:
        """Start both in any order: a pod starts them at once."""
        starts = []
        if what in ("control plane", "both"):
            starts.append(threading.Thread(target=self._control_plane.start))
        if what in ("comfyui", "both"):
            starts.append(threading.Thread(target=self._comfyui.start))
        for start in starts:
            start.start()
        for start in starts:
            start.join()
        if what != "comfyui":
            answer = self._client.post("/api/auth/login", json={"password": PASSWORD}).raise_for_status()
            self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    # Checking

    def _has_ended(self) -> bool:
        is_taken_over = not list(self._journals.glob("*pod-*"))
        return is_taken_over and self._unfinished() == 0

    def _unfinished(self) -> int:
        counts = self._request("GET", "/api/jobs/status").json()["counts"]
        return sum(counts.get(state, 0) for state in ("waiting", "queued", "running", "blocked"))

    def _wait(self) -> None:
        """Wait until every job has ended; retry those that are blocked, as a user does."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._has_ended():
            if time.monotonic() > until:
                self.report.problems.append(f"queue {self._queues} did not end")
                return
            for job in self._request("GET", "/api/jobs", params={"state": "blocked"}).json():
                self._request("POST", f"/api/jobs/{job['id']}/retry")
                self.report.blocked += 1
            time.sleep(0.1)

    def _check(self, ids: dict[str, str]) -> None:
        jobs = {name: self._request("GET", f"/api/jobs/{job_id}").json() for name, job_id in ids.items()}
        runs = self._runs()
        for name, job in jobs.items():
            self.report.states[job["state"]] += 1
            problems = [*self._state_problems(name, job), *_run_problems(name, job, runs[name])]
            self.report.problems += [f"{name} ({job['id']}): {problem}" for problem in problems]
            if "failing" not in name and len(runs[name]) > 1:
                self.report.repeated += 1
        self._check_files(jobs)

    def _state_problems(self, name: str, job: dict[str, Any]) -> Iterator[str]:
        state, expected = job["state"], {"succeeded"}
        if "failing" in name:
            expected = {"failed"}
            if job["failures"] != RETRIES + 1:
                yield f"failed {job['failures']} times instead of {RETRIES + 1}"
        if name in self._cancelled:
            # A prompt that ends before ComfyUI is asked to stop it has succeeded.
            expected = {"cancelled"} if self._cancelled[name] == "cancelled" else {"cancelled", "succeeded"}
        if state not in expected:
            error = (job["error"] or {}).get("message")
            yield f"is {state} instead of {' or '.join(sorted(expected))}: {error}"
        under_way = [attempt["id"] for attempt in job["attempts"] if attempt["state"] == "started"]
        if under_way:
            yield f"has ended, and its attempts {under_way} have not"

    def _check_files(self, jobs: dict[str, dict[str, Any]]) -> None:
        sidecars = self._sidecars()
        listed = {
            output["path"]
            for found in sidecars.values()
            for sidecar in found
            for output in sidecar["outputs"]
        }
        for name, job in jobs.items():
            expected = [attempt["id"] for attempt in job["attempts"] if attempt["state"] == "succeeded"]
            found = [sidecar["attempt"]["prompt_id"] for sidecar in sidecars[job["id"]]]
            if found != expected:
                self.report.problems.append(f"{name}: sidecars of {found} instead of {expected}")
            if job["state"] == "succeeded":
                self._check_outputs(name, job, sidecars[job["id"]])
        named = {path for path in self._outputs.rglob("*") if path.is_file() and ".staging" not in path.parts}
        files = {
            path.relative_to(self._outputs).as_posix()
            for path in named
            if not path.name.endswith(".job.json")
        }
        if files != listed:
            self.report.problems.append(f"files and sidecars differ: {sorted(files ^ listed)[:10]}")

    def _check_outputs(self, name: str, job: dict[str, Any], sidecars: list[dict[str, Any]]) -> None:
        expected = 2 if "several" in name else 1
        if len(job["outputs"]) != expected:
            self.report.problems.append(f"{name} has {len(job['outputs'])} outputs instead of {expected}")
        in_sidecar = {
            output["path"]: output["sha256"] for sidecar in sidecars for output in sidecar["outputs"]
        }
        for output in job["outputs"]:
            self.report.outputs += 1
            path = self._outputs / output["path"]
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no file"
            if not digest == output["sha256"] == in_sidecar.get(output["path"]):
                self.report.problems.append(f"{name}: {path.name} is not what its record and its sidecar say")

    def _sidecars(self) -> dict[str, list[dict[str, Any]]]:
        """Return the sidecars by the id of the job."""
        found = defaultdict(list)
        for path in self._outputs.rglob("*.job.json"):
            sidecar = json.loads(path.read_bytes())
            found[sidecar["job"]["id"]].append(sidecar)
        return found

    def _runs(self) -> dict[str, list[Run]]:
        """Return what ComfyUI has executed, by the name of the job, oldest first."""
        lines = (
            [line.split(" ", 3) for line in self._log.read_text().splitlines()] if self._log.exists() else []
        )
        ended = {(process, prompt_id) for what, process, prompt_id, _ in lines if what == "end"}
        runs = defaultdict(list)
        for what, process, prompt_id, name in lines:
            if what == "begin":
                has_ended = (process, prompt_id) in ended
                runs[name].append(Run(process=int(process), prompt_id=prompt_id, job=name, ended=has_ended))
        return runs

    def _request(self, method: str, path: str, *, check: bool = True, **options: Any) -> httpx.Response:
        answer = self._client.request(method, path, **options)
        return answer.raise_for_status() if check else answer


def _run_problems(name: str, job: dict[str, Any], runs: list[Run]) -> Iterator[str]:
    """A prompt may run again in another process of ComfyUI: the first one has forgotten it."""
    for (process, prompt_id), count in Counter((run.process, run.prompt_id) for run in runs).items():
        if count > 1:
            yield f"the prompt {prompt_id} ran {count} times in ComfyUI process {process}"
    if "failing" not in name:
        for process, count in Counter(run.process for run in runs).items():
            if count > 1:
                yield f"ran {count} times in ComfyUI process {process}, which had not forgotten it"
    succeeded = [attempt["id"] for attempt in job["attempts"] if attempt["state"] == "succeeded"]
    if succeeded and (runs[-1].prompt_id != succeeded[0] or not runs[-1].ended):
        yield "ran again after it had succeeded"


@contextmanager
def kill_test(folder: Path, seed: int) -> Iterator[KillTest]:
    test = KillTest(folder, seed)
    try:
        test.start()
        yield test
    finally:
        test.stop()
