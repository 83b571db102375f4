"""The queue, and the thread that executes one prompt after the other."""

import copy
import heapq
import threading
import time
import traceback
from typing import Any

import comfy.utils
import nodes
from comfy import model_management
from comfy_execution.graph import ExecutionBlocker
from validation import full_name

Prompt = dict[str, Any]
Message = tuple[str, dict[str, Any]]
SENSITIVE = ("auth_token_comfy_org", "api_key_comfy_org")
MOST_IN_HISTORY = 10_000


class PromptQueue:
    """In memory alone: a restart forgets it. The same prompt id may be in it more than once."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.mutex = threading.RLock()
        self.not_empty = threading.Condition(self.mutex)
        self.pending: list[tuple[Any, ...]] = []
        self.running: dict[int, tuple[Any, ...]] = {}
        self.history: dict[str, dict[str, Any]] = {}
        self.flags: dict[str, bool] = {}
        self.tasks = 0

    def put(self, item: tuple[Any, ...]) -> None:
        with self.mutex:
            heapq.heappush(self.pending, item)
            self.server.queue_updated()
            self.not_empty.notify()

    def get(self) -> tuple[tuple[Any, ...], int] | None:
        with self.not_empty:
            if not self.pending:
                self.not_empty.wait()
            if not self.pending:
                return None
            item = heapq.heappop(self.pending)
            self.tasks += 1
            self.running[self.tasks] = copy.deepcopy(item)
            self.server.queue_updated()
            return item, self.tasks

    def task_done(self, task: int, result: dict[str, Any], status: dict[str, Any]) -> None:
        with self.mutex:
            item = self.running.pop(task)
            if len(self.history) > MOST_IN_HISTORY:
                self.history.pop(next(iter(self.history)))
            entry = {"prompt": item[:5], "outputs": {}, "status": copy.deepcopy(status), **result}
            self.history[item[1]] = entry
            self.server.queue_updated()

    def current(self) -> tuple[list[Any], list[Any]]:
        """Return what runs and what waits, in the order of the heap."""
        with self.mutex:
            return [item[:5] for item in self.running.values()], [item[:5] for item in self.pending]

    def remaining(self) -> int:
        with self.mutex:
            return len(self.pending) + len(self.running)

    def interrupt_if_running(self, prompt_id: str) -> bool:
        with self.mutex:
            if any(item[1] == prompt_id for item in self.running.values()):
                model_management.interrupt_current_processing()
                return True
        return False

    def wipe(self) -> None:
        with self.mutex:
            self.pending = []
            self.server.queue_updated()

    def delete(self, prompt_id: str) -> bool:
        """Delete the first one of that id."""
        with self.mutex:
            for item in self.pending:
                if item[1] == prompt_id:
                    self.pending.remove(item)
                    heapq.heapify(self.pending)
                    self.server.queue_updated()
                    return True
        return False

    def set_flag(self, name: str) -> None:
        with self.mutex:
            self.flags[name] = True
            self.not_empty.notify()

    def take_flags(self) -> dict[str, bool]:
        with self.mutex:
            flags, self.flags = self.flags, {}
            return flags


class Failed(Exception):
    """A node has failed; carries what ComfyUI tells about it."""

    def __init__(self, event: str, details: dict[str, Any]) -> None:
        super().__init__(event)
        self.event = event
        self.details = details


class Executor:
    def __init__(self, server: Any) -> None:
        self.server = server
        # By signature of a node: what it has returned, and what it shows. Identical nodes are not executed again.
        self.cache: dict[str, tuple[tuple[Any, ...], dict[str, Any] | None]] = {}
        self.objects: dict[tuple[str, str], Any] = {}

    def reset(self) -> None:
        self.cache.clear()
        self.objects.clear()

    def execute(self, prompt: Prompt, prompt_id: str, extra_data: dict[str, Any], outputs: list[str]) -> None:
        model_management.interrupt_current_processing(False)
        self.server.client_id = extra_data.get("client_id")
        self.prompt, self.prompt_id, self.extra_data = prompt, prompt_id, extra_data
        self.messages: list[Message] = []
        self.executed: list[str] = []
        self.shown: dict[str, dict[str, Any]] = {}
        self.progress: dict[str, dict[str, Any]] = {}
        self.signatures: dict[str, str] = {}
        self.success = True
        self.tell("execution_start", {})
        cached = [node_id for node_id in prompt if self.signature(node_id) in self.cache]
        self.tell("execution_cached", {"nodes": cached})
        results: dict[str, tuple[Any, ...]] = {}
        try:
            for node_id in self.order(outputs):
                results[node_id] = self.run_node(node_id, results)
            self.tell("execution_success", {})
        except Failed as failure:
            self.success = False
            self.tell(failure.event, failure.details, broadcast=failure.event == "execution_interrupted")
        self.server.last_node_id = None

    def result(self) -> dict[str, Any]:
        about = {node_id: self.identity(node_id) for node_id in self.shown}
        return {"outputs": self.shown, "meta": about}

    def status(self) -> dict[str, Any]:
        said = "success" if self.success else "error"
        return {"status_str": said, "completed": self.success, "messages": self.messages}

    def tell(self, event: str, data: dict[str, Any], *, broadcast: bool = False) -> None:
        data = {"prompt_id": self.prompt_id, **data, "timestamp": int(time.time() * 1000)}
        self.messages.append((event, data))
        if self.server.client_id is not None or broadcast:
            self.server.send_sync(event, data, self.server.client_id)

    def identity(self, node_id: str) -> dict[str, Any]:
        return {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}

    def order(self, outputs: list[str]) -> list[str]:
        """Return what the outputs need, each node after those it is linked to."""
        ordered: dict[str, None] = {}

        def visit(node_id: str) -> None:
            for link in self.links(node_id):
                visit(link[0])
            ordered.setdefault(node_id)

        for output in outputs:
            visit(output)
        return list(ordered)

    def links(self, node_id: str) -> list[list[Any]]:
        values = self.prompt[node_id]["inputs"].values()
        return [
            value
            for value in values
            if isinstance(value, list) and len(value) == 2 and value[0] in self.prompt
        ]

    def signature(self, node_id: str) -> str:
        if node_id not in self.signatures:
            node = self.prompt[node_id]
            inputs = {
                name: (self.signature(value[0]), value[1]) if value in self.links(node_id) else value
                for name, value in sorted(node["inputs"].items())
            }
            self.signatures[node_id] = repr((node["class_type"], inputs, self.is_changed(node)))
        return self.signatures[node_id]

    def is_changed(self, node: dict[str, Any]) -> Any:
        cls: Any = nodes.NODE_CLASS_MAPPINGS.get(node["class_type"])
        if not hasattr(cls, "IS_CHANGED"):
            return False
        if "is_changed" not in node:
            try:
                node["is_changed"] = [cls.IS_CHANGED(**node["inputs"])]
            except Exception as error:
                print(f"WARNING: {error}")
                node["is_changed"] = float("nan")
        # NaN is never equal to itself, so such a node is executed every time.
        return object() if node["is_changed"] != node["is_changed"] else node["is_changed"]

    def run_node(self, node_id: str, results: dict[str, tuple[Any, ...]]) -> tuple[Any, ...]:
        cached = self.cache.get(self.signature(node_id))
        if cached is not None:
            self.show_cached(node_id, cached[1])
            self.report(node_id, "finished", 1.0, 1.0)
            return cached[0]
        node = self.prompt[node_id]
        inputs = {
            name: results[value[0]][value[1]] if value in self.links(node_id) else value
            for name, value in node["inputs"].items()
        }
        self.report(node_id, "running", 0.0, 1.0)
        self.server.last_node_id = node_id
        self.send("executing", {"node": node_id, "display_node": node_id, "prompt_id": self.prompt_id})
        returned, shown = self.call(node_id, inputs)
        if shown:
            self.shown[node_id] = shown
            executed = {
                "node": node_id,
                "display_node": node_id,
                "output": shown,
                "prompt_id": self.prompt_id,
            }
            self.send("executed", executed)
        self.cache[self.signature(node_id)] = (returned, shown)
        bar = self.progress[node_id]
        self.report(node_id, "finished", bar["max"], bar["max"])
        self.executed.append(node_id)
        return returned

    def show_cached(self, node_id: str, shown: dict[str, Any] | None) -> None:
        if shown is not None:
            self.shown[node_id] = shown
        self.send(
            "executed",
            {"node": node_id, "display_node": node_id, "output": shown, "prompt_id": self.prompt_id},
        )

    def call(self, node_id: str, inputs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any] | None]:
        kind = self.prompt[node_id]["class_type"]
        cls: Any = nodes.NODE_CLASS_MAPPINGS[kind]
        try:
            nodes.before_node_execution()
            blocked = next((value for value in inputs.values() if isinstance(value, ExecutionBlocker)), None)
            if blocked is not None:
                self.tell_blocked(node_id, blocked)
                return (ExecutionBlocker(None),) * len(cls.RETURN_TYPES), None
            target = self.objects.setdefault((node_id, kind), cls())
            returned = getattr(target, cls.FUNCTION)(**inputs, **self.hidden(cls, node_id))
            shown = None
            if isinstance(returned, dict):
                # Whatever a node shows has to be a list; a text falls into its letters.
                shown = {kind: list(items) for kind, items in returned.get("ui", {}).items()} or None
                returned = returned.get("result", ())
        except model_management.InterruptProcessingException:
            print("Processing interrupted")
            raise Failed("execution_interrupted", self.about(node_id)) from None
        except Exception as error:
            raise Failed("execution_error", self.about(node_id) | self.explain(error, inputs)) from None
        if isinstance(returned, ExecutionBlocker):
            returned = (returned,) * len(cls.RETURN_TYPES)
        return returned, shown

    def hidden(self, cls: Any, node_id: str) -> dict[str, Any]:
        values = {
            "PROMPT": self.prompt,
            "EXTRA_PNGINFO": self.extra_data.get("extra_pnginfo"),
            "UNIQUE_ID": node_id,
            "AUTH_TOKEN_COMFY_ORG": self.extra_data.get("auth_token_comfy_org"),
            "API_KEY_COMFY_ORG": self.extra_data.get("api_key_comfy_org"),
        }
        return {name: values[kind] for name, kind in cls.INPUT_TYPES().get("hidden", {}).items()}

    def about(self, node_id: str) -> dict[str, Any]:
        kind = self.prompt[node_id]["class_type"]
        return {"node_id": node_id, "node_type": kind, "executed": list(self.executed)}

    def explain(self, error: Exception, inputs: dict[str, Any]) -> dict[str, Any]:
        print(f"!!! Exception during processing !!! {error}")
        traceback.print_exception(error)
        tips = ""
        if isinstance(error, model_management.OOM_EXCEPTION):
            tips = (
                "This error means you ran out of memory on your GPU.\n\n"
                "TIPS: If the workflow worked before you might have accidentally set the batch_size to a large number."
            )
        plain = (str, int, float, bool, type(None))
        given = {name: [value if isinstance(value, plain) else str(value)] for name, value in inputs.items()}
        return {
            "exception_message": f"{error}\n{tips}",
            "exception_type": full_name(error),
            "traceback": traceback.format_tb(error.__traceback__),
            "current_inputs": given,
            "current_outputs": list(self.prompt),
        }

    def tell_blocked(self, node_id: str, blocked: ExecutionBlocker) -> None:
        """Tell of a node that another one has blocked. The prompt goes on, and history does not mention it."""
        if blocked.message is None:
            return
        nothing = {"traceback": [], "current_inputs": [], "current_outputs": []}
        said = {
            "exception_message": f"Execution Blocked: {blocked.message}",
            "exception_type": "ExecutionBlocked",
        }
        about = {"prompt_id": self.prompt_id, **self.about(node_id)}
        self.server.send_sync("execution_error", {**about, **said, **nothing}, self.server.client_id)

    def send(self, event: str, data: dict[str, Any]) -> None:
        if self.server.client_id is not None:
            self.server.send_sync(event, data, self.server.client_id)

    def report(self, node_id: str, state: str, value: float, most: float) -> None:
        """Send a snapshot of every node that has begun. Without a client id it goes to everyone, as in the real one."""
        self.progress[node_id] = {
            "value": value,
            "max": most,
            "state": state,
            "node_id": node_id,
            "prompt_id": self.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        snapshot = {"prompt_id": self.prompt_id, "nodes": copy.deepcopy(self.progress)}
        self.server.send_sync("progress_state", snapshot, self.server.client_id)

    def on_progress(self, value: float, total: float, preview: Any, node_id: str | None = None) -> None:
        model_management.throw_exception_if_processing_interrupted()
        node_id = node_id or self.server.last_node_id
        self.report(node_id, "running", value, total)
        progress = {"value": value, "max": total, "prompt_id": self.prompt_id, "node": node_id}
        self.server.send_sync("progress", progress, self.server.client_id)
        if preview is not None:
            about = {key: self.progress[node_id][key] for key in ("node_id", "prompt_id", "display_node_id")}
            self.server.send_preview(preview, about)


def work(queue: PromptQueue, server: Any) -> None:
    executor = Executor(server)
    comfy.utils.PROGRESS_BAR_HOOK = executor.on_progress
    while True:
        taken = queue.get()
        if taken is not None:
            (_, prompt_id, prompt, extra_data, outputs, sensitive), task = taken
            server.last_prompt_id = prompt_id
            executor.execute(prompt, prompt_id, {**extra_data, **sensitive}, outputs)
            queue.task_done(task, executor.result(), executor.status())
            executor.send("executing", {"node": None, "prompt_id": prompt_id})
            print("Prompt executed")
        flags = queue.take_flags()
        if flags.get("free_memory"):
            executor.reset()
