"""Another program gets a message when jobs end, whatever happens to it or to the control plane."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from backend.core.database import open_database
from backend.core.errors import InvalidRequest
from backend.jobs.models import ErrorKind
from backend.jobs.webhook_urls import check_webhook
from backend.jobs.webhooks import sender
from backend.jobs.webhooks.models import WebhookRequest
from backend.jobs.webhooks.outbox import Outbox
from backend.jobs.webhooks.service import Webhooks
from backend.jobs.webhooks.signing import new_secret, signature
from backend.jobs.webhooks.store import DeliveryStore
from tests.backend.jobs.queue import PROMPT, Queue
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.webhook_receiver import STALL, Receiver, webhook_receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
async def pod(
    workspace: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ControlPlane]:
    """A control plane without a ComfyUI, which may send to the receiver and tries again at once."""
    monkeypatch.setattr(sender, "PAUSES", (0.01,) * 3)
    async with running_control_plane(workspace) as pod:
        await allow(pod, receiver)
        yield pod


async def allow(pod: ControlPlane, receiver: Receiver, **more: Any) -> None:
    settings = {"webhook_allowed_hosts": [receiver.host], **more}
    assert (await pod.client.patch("/api/jobs/settings", json=settings)).status_code == 200


async def add(pod: ControlPlane, **wanted: Any) -> dict[str, Any]:
    answer = await pod.client.post("/api/webhooks", json=wanted)
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def end_a_job(pod: ControlPlane, receiver: Receiver, count: int = 1) -> list[str]:
    """Submit jobs that send to the receiver, cancel them, and return their ids."""
    body = {"prompt": PROMPT, "webhook": receiver.url, "jobs": [{}] * count}
    submitted = (await pod.client.post("/api/jobs", json=body)).json()
    ids = [job["id"] for job in submitted["jobs"]]
    for job_id in ids:
        assert (await pod.client.post(f"/api/jobs/{job_id}/cancel")).status_code == 200
    return ids


async def delivery(pod: ControlPlane, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            newest = (await pod.client.get("/api/webhooks/deliveries")).json()
            for each in newest:
                if wanted(each):
                    found: dict[str, Any] = each
                    return found
            await asyncio.sleep(0.02)


async def test_the_end_of_a_job_is_sent_with_a_signature(pod: ControlPlane, receiver: Receiver) -> None:
    (job_id,) = await end_a_job(pod, receiver)
    (message,) = await receiver.until(1)
    assert message.content["type"] == "job.ended"
    assert (message.content["data"]["id"], message.content["data"]["state"]) == (job_id, "cancelled")
    secret = (await pod.client.get("/api/webhooks/secret")).json()["secret"]
    assert message.is_signed_with(secret)
    assert not message.is_signed_with(new_secret())


async def test_the_end_of_a_batch_is_sent_once(pod: ControlPlane, receiver: Receiver) -> None:
    await end_a_job(pod, receiver, count=3)
    messages = await receiver.until(4)
    kinds = [message.content["type"] for message in messages]
    assert kinds.count("batch.ended") == 1
    (batch,) = [message.content["data"] for message in messages if message.content["type"] == "batch.ended"]
    assert batch["counts"] == {"cancelled": 3}


async def test_a_receiver_that_fails_stalls_or_redirects_gets_the_same_message_again(
    pod: ControlPlane, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.2)
    receiver.answers = [500, STALL, 302]
    await end_a_job(pod, receiver)
    messages = await receiver.until(4)
    assert len({message.id for message in messages}) == 1
    done = await delivery(pod, lambda each: each["state"] == "delivered")
    assert (done["attempts"], done["problem"]) == (4, None)


async def test_a_message_that_is_never_accepted_is_given_up_with_the_reason(
    pod: ControlPlane, receiver: Receiver
) -> None:
    receiver.answers = [503] * 10
    await end_a_job(pod, receiver)
    failed = await delivery(pod, lambda each: each["state"] == "failed")
    assert (failed["attempts"], failed["problem"]) == (4, "The receiver answered with 503.")


async def test_a_receiver_that_is_gone_gets_nothing_more(pod: ControlPlane, receiver: Receiver) -> None:
    webhook = await add(pod, url=receiver.url)
    receiver.answers = [410]
    await end_a_job(pod, receiver)
    await delivery(pod, lambda each: each["state"] == "failed")
    (stopped,) = (await pod.client.get("/api/webhooks")).json()
    assert (stopped["id"], stopped["paused"]) == (webhook["id"], True)
    assert "410" in stopped["problem"]
    assert len(receiver.messages) == 1
    resumed = await pod.client.patch(f"/api/webhooks/{webhook['id']}", json={"paused": False})
    assert (resumed.json()["paused"], resumed.json()["problem"]) == (False, None)


async def test_each_webhook_gets_what_it_is_for_until_it_is_deleted(
    pod: ControlPlane, receiver: Receiver
) -> None:
    jobs = await add(pod, url=f"{receiver.url}?jobs", events=["job.ended"])
    await add(pod, url=f"{receiver.url}?batches", events=["batch.ended"])
    paused = await add(pod, url=f"{receiver.url}?paused", paused=True)
    body = {"prompt": PROMPT, "jobs": [{}, {}]}
    submitted = (await pod.client.post("/api/jobs", json=body)).json()
    for job in submitted["jobs"]:
        await pod.client.post(f"/api/jobs/{job['id']}/cancel")
    await receiver.until(3)
    sent = (await pod.client.get("/api/webhooks/deliveries")).json()
    assert sorted((each["url"].rpartition("?")[2], each["event"]) for each in sent) == [
        ("batches", "batch.ended"), ("jobs", "job.ended"), ("jobs", "job.ended")]  # fmt: skip
    assert (await pod.client.post("/api/webhooks", json={"url": jobs["url"]})).status_code == 409
    for webhook in (jobs, paused):
        assert (await pod.client.delete(f"/api/webhooks/{webhook['id']}")).status_code == 204
    assert len((await pod.client.get("/api/webhooks")).json()) == 1
    assert (await pod.client.delete(f"/api/webhooks/{jobs['id']}")).status_code == 404


async def test_a_webhook_is_tried_out_and_a_message_sent_again(pod: ControlPlane, receiver: Receiver) -> None:
    webhook = await add(pod, url=receiver.url)
    receiver.answers = [500]
    test = f"/api/webhooks/{webhook['id']}/test"
    refused = (await pod.client.post(test)).json()
    assert (refused["state"], refused["problem"]) == ("failed", "The receiver answered with 500.")
    again = await pod.client.post(f"/api/webhooks/deliveries/{refused['id']}/resend")
    assert again.status_code == 200
    first, second = await receiver.until(2)
    assert (first.id, second.content["type"]) == (second.id, "webhook.test")
    assert (await pod.client.post(test)).json()["state"] == "delivered"
    assert (await pod.client.post("/api/webhooks/deliveries/gone/resend")).status_code == 404


async def test_webhooks_are_added_tested_and_deleted_on_their_page(
    pod: ControlPlane, receiver: Receiver
) -> None:
    empty = await pod.client.get("/jobs/webhooks")
    assert "No webhooks yet" in empty.text
    form = {"url": receiver.url, "event": ["job.ended", "queue.finished"]}
    headers = {"HX-Request": "true"}
    assert (await pod.client.post("/jobs/webhooks", data=form, headers=headers)).status_code == 204
    (webhook,) = (await pod.client.get("/api/webhooks")).json()
    assert sorted(webhook["events"]) == ["job.ended", "queue.finished"]
    nothing = await pod.client.post("/jobs/webhooks", data={"url": receiver.url}, headers=headers)
    assert "at least one kind" in nothing.headers["hx-trigger"]
    tested = await pod.client.post(f"/jobs/webhooks/{webhook['id']}/test", headers=headers)
    assert "accepted the test message" in tested.headers["hx-trigger"]
    page = (await pod.client.get("/jobs/webhooks")).text
    assert receiver.url in page
    assert "Delivered" in page
    assert "whsec_" not in page
    assert "whsec_" in (await pod.client.get("/jobs/webhooks/secret")).text
    await pod.client.post(f"/jobs/webhooks/{webhook['id']}/delete", headers=headers)
    assert (await pod.client.get("/api/webhooks")).json() == []


async def test_a_restart_loses_no_message(workspace: Path, receiver: Receiver) -> None:
    receiver.answers = [STALL]
    async with running_control_plane(workspace) as before:
        await allow(before, receiver)
        await end_a_job(before, receiver)
        await receiver.until(1)
    async with running_control_plane(workspace):
        first, second = await receiver.until(2)
    assert first.id == second.id


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x",
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "nothing",
    ],
)
async def test_only_public_web_servers_are_receivers_unless_the_setting_says_so(
    queue: Queue, url: str
) -> None:
    with pytest.raises(InvalidRequest):
        check_webhook(url, ())
    with pytest.raises(InvalidRequest):
        await Webhooks(queue.store, queue.jobs.policy).add(WebhookRequest(url=url))
    check_webhook("http://127.0.0.1:9000/x", ["127.0.0.1:9000"])


async def test_a_name_that_resolves_to_a_private_address_is_not_reached(
    pod: ControlPlane, receiver: Receiver
) -> None:
    port = receiver.host.partition(":")[2]
    body = {"prompt": PROMPT, "webhook": f"http://localhost:{port}/hook"}
    (job,) = (await pod.client.post("/api/jobs", json=body)).json()["jobs"]
    await pod.client.post(f"/api/jobs/{job['id']}/cancel")
    failed = await delivery(pod, lambda each: each["state"] == "failed")
    assert "private address" in failed["problem"]
    assert receiver.messages == []


async def test_the_end_of_the_queue_is_a_message_and_a_missed_end_is_found_at_the_next_start(
    queue: Queue, tmp_path: Path
) -> None:
    webhooks = Webhooks(queue.store, queue.jobs.policy)
    await webhooks.add(WebhookRequest(url="https://example.com/hook"))
    async with open_database(tmp_path / "webhooks.db") as database:
        store = DeliveryStore(database)
        await store.prepare()
        outbox = Outbox(queue.jobs, webhooks, store, queue.events)
        task = asyncio.create_task(outbox.run())
        await queue.submit()
        await queue.fail(ErrorKind.INVALID)
        async with asyncio.timeout(30):
            while len(await store.newest(10)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert {each.event for each in await store.newest(10)} == {"job.ended", "queue.finished"}
        task.cancel()
        missed = await queue.submit(name="missed")
        await queue.jobs.cancel(missed.id)
        again = Outbox(queue.jobs, webhooks, store, queue.events)
        task = asyncio.create_task(again.run())
        async with asyncio.timeout(30):
            while len(await store.newest(10)) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        assert len(await store.newest(10)) == 3
        task.cancel()


def test_a_signature_is_the_one_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_the_end_of_a_batch_is_in_the_activity_log_once(pod: ControlPlane, receiver: Receiver) -> None:
    async with asyncio.timeout(30), pod.socket("/ws/activity") as frames:
        await end_a_job(pod, receiver, count=3)
        kinds: list[str] = []
        while "batch.finished" not in kinds:
            kinds += [entry["kind"] for entry in json.loads(await frames.recv())["entries"]]
    assert sorted(kinds).count("batch.finished") == 1
    assert kinds.count("job.cancelled") == 3
