"""A user works with the assistant in the browser: real processes, and a stand-in for the model alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PASSWORD, look_at
from tests.support.assistant import repair
from tests.support.comfyui.graphs import through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.messages_api import KEY, Answer, Call, MessagesApi, running_messages_api
from tests.support.process import Process, free_port, running_process

pytestmark = pytest.mark.slow


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui:
        yield comfyui


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    with running_messages_api() as running:
        yield running


@pytest.fixture
def plane(workspace: Path, comfyui: ComfyUI) -> Iterator[Process]:
    environment = {
        "WORKSPACE": str(workspace),
        "RUN_DIR": str(workspace / "run"),
        "SUPERVISOR_SOCKET": str(workspace / "run/supervisor.sock"),
        "LOG_DIR": str(workspace / "logs"),
        "ACCESS_PASSWORD": PASSWORD,
        "COMFYUI_URL": comfyui.url,
        "AGENTS_PORT": str(free_port()),
        "AGENTS_IDLE_SECONDS": "5",
    }
    with running_process(environment) as process:
        yield process


@pytest.fixture
def with_model(signed_in: Page, api: MessagesApi) -> Page:
    """The assistant uses the stand-in."""
    wanted = {"key": KEY, "base_url": api.url}
    answer = signed_in.request.patch(urljoin(signed_in.url, "/api/assistant/settings"), data=wanted)
    assert answer.ok, answer.text()
    return signed_in


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def wait_until_idle(page: Page) -> None:
    expect(page.get_by_text("The assistant works …")).to_be_hidden(timeout=90_000)


def test_a_wrong_parameter_is_fixed_after_approval(
    with_model: Page, api: MessagesApi, keep_picture: Any, axe: str
) -> None:
    page = with_model
    answer = page.request.post(
        urljoin(page.url, "/api/jobs"), data={"prompt": through("TestSlow", steps=99_999), "jobs": [{}]}
    )
    assert answer.ok, answer.text()
    api.scenario("last job", *repair(20))
    page.goto(urljoin(page.url, "/assistant"))
    page.get_by_role("button", name="Why did my last job fail?").click()
    page.get_by_role("button", name="Send").click()
    # The process may have started before the page of the new conversation is shown.
    starts = page.get_by_text("The assistant starts …")
    expect(starts.or_(page.get_by_text("I look at the last job.")).first).to_be_visible()

    expect(page.get_by_text("Node 5 has steps = 99999")).to_be_visible(timeout=90_000)
    change = page.get_by_role("group", name="Approve: Change a workflow")
    expect(change).to_contain_text("set_input: node=5, input=steps, value=20", timeout=60_000)
    look_at(page, "assistant-approval", keep_picture, axe)
    change.get_by_role("button", name="Approve").click()
    expect(page.get_by_label("Changes")).to_contain_text("20")
    page.get_by_role("group", name="Approve: Run a workflow").get_by_role("button", name="Approve").click()
    expect(page.get_by_text("The job has succeeded.")).to_be_visible(timeout=60_000)
    expect(page.locator(".chat-job")).to_contain_text("succeeded")
    look_at(page, "assistant-done", keep_picture, axe)


def test_a_restart_in_the_middle_loses_nothing(with_model: Page, plane: Process, api: MessagesApi) -> None:
    page = with_model
    api.scenario(
        "portraits",
        Answer(text="First I look.", calls=[Call(tool="pod_status")]),
        Answer(text="Now I change it.", calls=[Call(tool="jobs_cancel", arguments={"job_ids": ["none"]})]),
        Answer(text="You denied it, so I stop."),
        Answer(text="I still know what we talked about."),
    )
    page.goto(urljoin(page.url, "/assistant"))
    say(page, "Make portraits")
    approval = page.get_by_role("group", name="Approve: Cancel jobs")
    expect(approval).to_be_visible(timeout=90_000)
    plane.kill()
    plane.start()
    expect(page.get_by_text("The connection to the pod is lost")).to_be_hidden(timeout=60_000)
    page.reload()
    expect(page.get_by_text("First I look.")).to_be_visible()
    approval.get_by_role("button", name="Deny").click()
    expect(page.get_by_text("You denied it, so I stop.")).to_be_visible(timeout=90_000)
    say(page, "Do you remember?")
    expect(page.get_by_text("I still know what we talked about.")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="Make portraits")).to_be_visible()


def test_every_step_of_a_long_change_is_shown(with_model: Page, api: MessagesApi) -> None:
    page = with_model
    graph = through("TestSlow", steps=3)
    api.scenario(
        "sharper",
        Answer(
            text="I search for a node.", calls=[Call(tool="nodes_search", arguments={"query": "TestText"})]
        ),
        Answer(calls=[Call(tool="nodes_get", arguments={"type": "TestText"})]),
        Answer(calls=[Call(tool="workflows_open", arguments={"document": graph, "name": "Portrait"})]),
        Answer(
            calls=[
                Call(
                    tool="workflows_patch",
                    arguments=lambda asked: {
                        "workflow_id": asked.result()["id"],
                        "base": 1,
                        "operations": [
                            {"op": "add_node", "type": "TestText", "inputs": {"text": "sharp"}},
                            {"op": "set_input", "node": "5", "input": "steps", "value": 8},
                        ],
                        "reason": "sharper",
                    },
                )
            ]
        ),
        Answer(text="It has a new node and **8** steps."),
    )
    page.goto(urljoin(page.url, "/assistant"))
    say(page, "Make it sharper")
    for title in ("Search node types", "Describe a node type", "Open a workflow"):
        expect(page.locator(".call").filter(has_text=title)).to_contain_text("done", timeout=90_000)
    page.get_by_role("group", name="Approve").get_by_role("button", name="Approve").click()
    expect(page.get_by_text("It has a new node and 8 steps.")).to_be_visible(timeout=60_000)
    change = page.locator(".call").filter(has_text="Change a workflow")
    change.locator("summary").click()
    expect(change.get_by_text('"type": "TestText"')).to_be_visible()


def test_a_log_is_attached_to_the_question(with_model: Page, api: MessagesApi) -> None:
    page = with_model
    api.scenario(
        "anything wrong",
        Answer(text="<img src=x onerror=alert(1)> **Nothing** ![x](http://127.0.0.1:9/x.png)"),
    )
    page.goto(urljoin(page.url, "/assistant?about=log:comfyui"))
    expect(page.get_by_text("About the log comfyui")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    answer = page.locator(".message-assistant")
    expect(answer.locator("strong")).to_have_text("Nothing", timeout=90_000)
    assert answer.locator("img").count() == 0
    assert "Attached: log `comfyui`" in api.requests[-1].prompt
