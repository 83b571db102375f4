"""A user opens the workflow of an output in ComfyUI's editor, which takes it for a template."""

from pathlib import PurePosixPath

import httpx

from tests.nginx.conftest import signed_in_browser
from tests.support.comfyui.tree.media import png
from tests.support.control_plane import ControlPlane
from tests.support.nginx import Addresses

GRAPH = {"nodes": [{"id": 1, "type": "EmptyImage"}], "links": [], "version": 0.4}


async def test_the_editor_gets_the_workflow_of_an_output(pod: ControlPlane, addresses: Addresses) -> None:
    file = pod.settings.workspace / "ComfyUI/output/Füchse/fox 1.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(png(8, 8, 0, {"workflow": GRAPH}))
    details = (await pod.client.get("/outputs/details/F%C3%BCchse/fox%201.png")).text
    name = details.partition("?template=")[2].partition('"')[0]
    assert PurePosixPath(name).name.startswith("comfypod-fox-1-")
    async with signed_in_browser(addresses) as browser:
        answer = await browser.get(f"/templates/{name}.json")
        other = await browser.get("/templates/image_z_image_turbo.json")
        missing = await browser.get("/templates/comfypod-fox-00000000.json")
    assert (answer.status_code, answer.json()) == (200, GRAPH)
    assert other.json()["method"] == "GET"
    assert missing.status_code == 404
    async with httpx.AsyncClient(base_url=addresses.comfyui) as stranger:
        assert (await stranger.get(f"/templates/{name}.json")).status_code == 401
