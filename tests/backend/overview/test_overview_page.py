"""The overview says what needs attention and what runs, without waiting for anything."""

import asyncio
import json
import re
from pathlib import Path

from backend.sources.tokens import Hub as TokenHub
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import safetensors
from tests.support.supervisor import running_supervisor

PAGE = {"Accept": "text/html"}


async def overview(pod: ControlPlane) -> str:
    await pod.client.get("/api/system")  # a sample, which pages do not wait for
    return (await pod.client.get("/", headers=PAGE)).text


def attention(html: str) -> list[str]:
    """Return each item: its sentence, and its action."""
    section = html.partition('aria-label="Needs attention"')[2].partition("</section>")[0]
    items = re.findall(r'role="(?:alert|status)">(.*?)</p>(.*?)</li>', section, re.DOTALL)
    texts = [
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", sentence + action)).strip() for sentence, action in items
    ]
    return [text for text in texts if "GPU" not in text and "disk is nearly full" not in text]


async def test_the_first_page_waits_for_nothing(workspace: Path, hub: Hub) -> None:
    """Not even for the first look at the machine: the page asks again for what is not known yet."""
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        html = (await pod.client.get("/", headers=PAGE)).text
        assert "Loading …" in html or "Workspace disk" in html
        assert "Workspace disk" in await overview(pod)


async def test_what_needs_attention_comes_with_one_action_each(
    pod: ControlPlane, hub: Hub, workspace: Path
) -> None:
    assert attention(await overview(pod)) == []
    broken, wrong = (
        hub.add("acme/models", name, safetensors(2000)) for name in ("a.safetensors", "b.safetensors")
    )
    hub.fault(broken, faults.Status(code=404, on="resolve"))
    hub.fault(wrong, faults.WrongContent(times=1))
    for file in (broken, wrong):
        asked = await pod.download(url=hub.url_of(file), folder="loras")
        await pod.finished(asked["id"])
    await pod.client.put(
        f"/api/tokens/{TokenHub.HUGGING_FACE.value}", json={"token": "hf_rejected_by_the_hub"}
    )
    problem = {"code": "x", "message": "A node is left out.", "remedy": "Update it."}
    (workspace / "run").mkdir(parents=True, exist_ok=True)
    (workspace / "run/workspace.json").write_text(json.dumps({"state": "ready", "problems": [problem]}))
    with running_supervisor(workspace / "run/supervisor.sock", sshd="STOPPED", nginx="FATAL"):
        items = attention(await overview(pod))
    assert "A node is left out. Update it." in items
    assert "1 download failed. Retry" in items
    assert "1 file in quarantine: the content is not the expected one. Decide" in items
    assert "SSH is stopped. Start" in items
    assert "nginx has failed. Read the log" in items


async def test_current_downloads_have_one_total(pod: ControlPlane, hub: Hub) -> None:
    gates = []
    for number in range(6):
        model = hub.add("acme/models", f"{number}.safetensors", safetensors(50_000, seed=number))
        gates.append(hub.hold(model, after=1000))
        await pod.download(url=hub.url_of(model), folder="loras")
    for gate in gates[:4]:  # the others wait, and their sizes are unknown until they start
        await asyncio.to_thread(gate.wait_until_reached)
    html = await overview(pod)
    assert "of 200.0 kB" in html
    assert "and 2 more" in html


async def test_the_course_of_the_machine_is_drawn(pod: ControlPlane) -> None:
    html = await overview(pod)
    for label in ("CPU", "Memory", "Network", "Disk"):
        assert f"{label}, last ten minutes, now " in html
    assert "<form" not in html.partition("<main")[2].partition("</main>")[0]
