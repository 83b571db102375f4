"""A user adds channels and gets messages, through receivers that fail, stall and refuse."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.activity.service import Activity
from backend.notifications import feature
from backend.notifications.apprise_sender import AppriseSender
from backend.notifications.browsers import Browsers
from backend.notifications.errors import DeliveryError
from backend.notifications.messages import TEST
from backend.notifications.models import Channel, Kind
from backend.notifications.timing import Timing
from backend.notifications.webhook_sender import WebhookSender
from backend.system.services import Services
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.message_receiver import STALL, Received, Receiver, message_receiver

PATH = "/api/notifications/channels"
HTML = {"Accept": "text/html", "HX-Request": "true"}
TOPIC = "topic-that-is-secret-42"
TOKEN = "bearer-that-is-secret-43"
SOON = timedelta(milliseconds=20)
FAST = Timing(gather=SOON, between=SOON, retries=(SOON,))


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature, "TIMING", FAST)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with message_receiver() as receiver:
        yield receiver


@pytest.fixture
async def pod(workspace: Path, receiver: Receiver) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(workspace, download_allowed_hosts=receiver.host) as pod:
        yield pod


def hook(receiver: Receiver) -> str:
    return f"http://{receiver.host}/{TOPIC}"


async def add(pod: ControlPlane, **channel: Any) -> dict[str, Any]:
    answer = await pod.client.post(PATH, json={"name": "Phone", **channel})
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


async def add_webhook(pod: ControlPlane, receiver: Receiver, **channel: Any) -> dict[str, Any]:
    return await add(pod, kind="webhook", url=hook(receiver), token=TOKEN, **channel)


async def last(pod: ControlPlane) -> dict[str, Any]:
    channels = (await pod.client.get(PATH)).json()
    found: dict[str, Any] = channels[0]["last"] or {}
    return found


async def until_last(pod: ControlPlane, *, delivered: bool) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found = await last(pod)
            if found and (found["problem"] is None) == delivered:
                return found
            await asyncio.sleep(0.02)


async def test_a_selected_event_is_sent_and_others_are_not(pod: ControlPlane, receiver: Receiver) -> None:
    await add_webhook(pod, receiver, events=["job_failed"])
    activity = pod.app.registry.get(Activity)
    activity.note("job.succeeded", "portrait")
    activity.note("job.failed", "landscape", problem="Out of memory.")
    (message,) = await receiver.until(1)
    assert (message.path, message.authorization) == (f"/{TOPIC}", f"Bearer {TOKEN}")
    assert message.content == {
        "title": "Job failed: landscape",
        "body": "Out of memory.",
        "tone": "failure",
        "events": ["job_failed"],
    }
    assert (await until_last(pod, delivered=True))["title"] == "Job failed: landscape"


async def test_a_thousand_ends_are_few_messages(pod: ControlPlane, receiver: Receiver) -> None:
    await add_webhook(pod, receiver, events=["job_finished"])
    activity = pod.app.registry.get(Activity)
    for number in range(1000):
        activity.note("job.succeeded", f"job {number}")
    messages: list[Received] = []
    while sum(count(message.content["title"]) for message in messages) < 1000:
        messages = (await receiver.until(len(messages) + 1)).copy()
    assert len(messages) < 20


def count(title: str) -> int:
    return 1 if title.startswith("Job finished") else int(title.split(maxsplit=1)[0])


async def test_a_receiver_that_fails_or_redirects_gets_everything_later(
    pod: ControlPlane, receiver: Receiver
) -> None:
    receiver.answers = [500, 302, 401]
    await add_webhook(pod, receiver, events=["job_failed"])
    pod.app.registry.get(Activity).note("job.failed", "portrait")
    messages = await receiver.until(4)
    assert {message.path for message in messages} == {f"/{TOPIC}"}
    assert {message.content["title"] for message in messages} == {"Job failed: portrait"}
    assert (await until_last(pod, delivered=True))["problem"] is None


async def test_what_happened_while_nothing_could_be_sent_is_sent_after_a_restart(
    workspace: Path, receiver: Receiver
) -> None:
    receiver.answers = [503] * 1000
    allowed = {"download_allowed_hosts": receiver.host}
    async with running_control_plane(workspace, **allowed) as pod:
        await add_webhook(pod, receiver, events=["job_failed"])
        pod.app.registry.get(Activity).note("job.failed", "portrait")
        await until_last(pod, delivered=False)
    receiver.answers, before = [], len(receiver.received)
    async with running_control_plane(workspace, **allowed) as pod:
        messages = await receiver.until(before + 1)
        assert messages[-1].content["title"] == "Job failed: portrait"
        await until_last(pod, delivered=True)
    async with running_control_plane(workspace, **allowed) as pod:
        pod.app.registry.get(Activity).note("job.failed", "landscape")
        messages = await receiver.until(before + 2)
        assert messages[-1].content["title"] == "Job failed: landscape"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "It wants another token (401)."),
        (500, "The receiver answered with 500."),
        (STALL, "did not answer within"),
    ],
)
async def test_a_test_message_says_why_it_was_not_delivered(
    receiver: Receiver, status: int, reason: str
) -> None:
    receiver.answers = [status]
    channel = Channel(id="1", name="Hook", kind=Kind.WEBHOOK, events=(), target="", url=hook(receiver))
    with pytest.raises(DeliveryError) as raised:
        await WebhookSender(allowed_hosts=[receiver.host], seconds=1).send(channel, TEST)
    assert reason in str(raised.value)
    assert raised.value.is_final == (status == 401)


async def test_a_private_address_is_refused_unless_it_is_allowed(workspace: Path, receiver: Receiver) -> None:
    async with running_control_plane(workspace) as pod:
        answer = await pod.client.post(PATH, json={"name": "x", "kind": "webhook", "url": hook(receiver)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_channel")
    assert "DOWNLOAD_ALLOWED_HOSTS" in answer.text
    assert receiver.received == []


async def test_no_secret_is_shown_or_readable(pod: ControlPlane, receiver: Receiver, workspace: Path) -> None:
    added = await add_webhook(pod, receiver)
    receiver.answers = [401]
    tested = await pod.client.post(f"{PATH}/{added['id']}/test")
    pages = [await pod.client.get(path, headers=HTML) for path in ("/settings", "/activity", PATH)]
    shown = json.dumps(added) + tested.text + "".join(page.text for page in pages)
    assert added["target"] == "127.0.0.1"
    assert TOPIC not in shown
    assert TOKEN not in shown
    assert pod.app.registry.get(Services).clean(f"{hook(receiver)} {TOKEN} {TOPIC}") == "••• ••• •••"
    holders = [
        path for path in workspace.rglob("*") if path.is_file() and TOPIC.encode() in path.read_bytes()
    ]
    assert [path.name for path in holders] == ["notifications.json"]
    assert holders[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
async def test_a_service_is_reached_through_apprise(pod: ControlPlane, receiver: Receiver) -> None:
    added = await add(pod, url=f"ntfy://{receiver.host}/{TOPIC}", events=[])
    assert added["target"] == "ntfy"
    tested = (await pod.client.post(f"{PATH}/{added['id']}/test")).json()
    assert tested["problem"] is None
    assert receiver.received[0].content["title"] == "Test notification"
    receiver.answers = [401]
    tested = (await pod.client.post(f"{PATH}/{added['id']}/test")).json()
    assert "401" in tested["problem"]
    assert TOPIC not in tested["problem"]


@pytest.mark.slow
async def test_a_service_that_stalls_is_given_up(receiver: Receiver) -> None:
    receiver.answers = [STALL]
    channel = Channel(
        id="1", name="x", kind=Kind.APPRISE, events=(), target="ntfy", url=f"ntfy://{receiver.host}/{TOPIC}"
    )
    with pytest.raises(DeliveryError, match="did not answer within"):
        await AppriseSender(seconds=2.5).send(channel, TEST)


@pytest.mark.slow
async def test_an_address_that_apprise_does_not_know_is_refused(pod: ControlPlane) -> None:
    answer = await pod.client.post(PATH, json={"name": "x", "url": "nonsense://secret-secret"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_channel")
    assert "secret-secret" not in answer.text


async def test_browsers_get_messages_while_a_page_is_open(pod: ControlPlane) -> None:
    added = await add(pod, kind="browser", events=["job_failed"])
    tested = (await pod.client.post(f"{PATH}/{added['id']}/test")).json()
    assert "No browser" in tested["problem"]
    async with asyncio.timeout(30), pod.socket("/ws/notifications") as frames:
        assert json.loads(await frames.recv()) == {"type": "snapshot"}
        assert pod.app.registry.get(Browsers).has_listeners
        pod.app.registry.get(Activity).note("job.failed", "portrait")
        frame = json.loads(await frames.recv())
    assert (frame["type"], frame["title"]) == ("notification", "Job failed: portrait")


async def test_channels_are_changed_and_removed(pod: ControlPlane, receiver: Receiver) -> None:
    added = await add_webhook(pod, receiver)
    address = f"{PATH}/{added['id']}"
    changed = (await pod.client.patch(address, json={"name": "Tablet", "events": ["disk_low"]})).json()
    assert (changed["name"], changed["events"]) == ("Tablet", ["disk_low"])
    form = f"/settings/notifications/{added['id']}/events"
    assert (await pod.client.post(form, data={}, headers=HTML)).status_code == 200
    assert (await pod.client.get(PATH)).json()[0]["events"] == []
    assert (await pod.client.delete(address)).status_code == 204
    assert (await pod.client.get(PATH)).json() == []
    assert (await pod.client.post(f"{address}/test")).status_code == 404


async def test_there_are_at_most_twenty_channels(pod: ControlPlane) -> None:
    for number in range(20):
        await add(pod, kind="browser", name=f"Browser {number}")
    answer = await pod.client.post(PATH, json={"name": "x", "kind": "browser"})
    assert answer.status_code == 409


@pytest.mark.parametrize("content", ["{broken", '{"a": 1}', '[{"id": 1}]', "[3]"])
async def test_a_pod_works_with_a_damaged_file_of_channels(workspace: Path, content: str) -> None:
    file = workspace / ".comfypod/notifications.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    (workspace / ".comfypod/notifications-progress.json").write_text(content)
    async with running_control_plane(workspace) as pod:
        assert (await pod.client.get(PATH)).json() == []
        await add(pod, kind="browser")
