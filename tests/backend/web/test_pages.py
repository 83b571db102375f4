"""The content of pages, requested as a browser and htmx do."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from backend.main.app import FRONTEND
from tests.support.control_plane import PASSWORD, ControlPlane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}
PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize(
    "path", ["/", "/presets", "/presets/sd-1-5", "/downloads", "/storage", "/services", "/docs"]
)
async def test_a_browser_gets_a_complete_page(pod: ControlPlane, path: str) -> None:
    answer = await pod.client.get(path, headers=PAGE)
    assert answer.status_code == 200
    assert answer.text.startswith("<!doctype html>")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/", "/presets?q=flux", "/presets/sd-1-5", "/downloads", "/storage", "/services"]
)
async def test_htmx_gets_only_the_fragment(pod: ControlPlane, path: str) -> None:
    answer = await pod.client.get(path, headers=FRAGMENT)
    assert answer.status_code == 200
    assert "<html" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/downloads", "/downloads/add", "/presets/from-workflow", "/docs", "/_pod/sign-in"]
)
async def test_every_file_that_a_page_loads_exists(pod: ControlPlane, path: str) -> None:
    page = (await pod.client.get(path, headers=PAGE)).text
    addresses = re.findall(r'(?:src|href)="(/_pod/static/[^"]+)"', page)
    assert len(addresses) >= 4
    for address in addresses:
        assert (await pod.client.get(address)).status_code == 200, address


async def test_a_page_preloads_every_module_at_the_address_from_which_it_is_imported(
    pod: ControlPlane,
) -> None:
    """A module that is not preloaded costs a round trip; one without a digest may be stale."""
    for path in ("/", "/downloads", "/presets/from-workflow", "/presets/export"):
        page = (await pod.client.get(path, headers=PAGE)).text
        preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', page)
        (entry,) = re.findall(r'<script type="module" src="([^"]+)">', page)
        imported: set[str] = set()
        for module in [entry, *preloaded]:
            source = (await pod.client.get(module)).text if "/vendor/" not in module else ""
            imported |= {
                urljoin(module, found)
                for found in re.findall(r'(?:from|^import) "([^"]+)"', source, re.MULTILINE)
            }
        assert imported == set(preloaded), path


def test_no_form_sends_its_values_in_the_address() -> None:
    """Before htmx has loaded, the browser sends forms itself; without `method` the values end up in the address."""
    templates = {path: path.read_text() for path in (FRONTEND / "templates").rglob("*.html")}
    forms = [(path, form) for path, text in templates.items() for form in re.findall(r"<form[^>]*>", text)]
    assert len(forms) > 10
    for path, form in forms:
        searches = 'role="search"' in form and 'method="get"' in form
        assert (
            searches or "{{ posts(" in form or 'method="dialog"' in form or 'method="post" action="' in form
        ), f"{path}: {form}"
        assert "hx-post=" not in form, f"{path}: posts() says that, together with method and action"


async def test_a_form_sent_without_scripts_works_and_redirects_back(
    pod: ControlPlane, tmp_path: Path
) -> None:
    page = {**PAGE, "Referer": f"{pod.url}/?a=1"}
    answer = await pod.client.post("/model-paths", data={"paths": str(tmp_path)}, headers=page)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?a=1")
    assert (await pod.client.get("/api/system/model-paths")).json()["paths"] == [str(tmp_path)]
    for referer, leads_to in (("https://evil.example/x", "/"), (f"{pod.url}//evil.example", "/evil.example")):
        answer = await pod.client.post("/downloads/pause", headers={**PAGE, "Referer": referer})
        assert (answer.status_code, answer.headers["Location"]) == (303, leads_to)
    wrong = await pod.client.post("/downloads/limits", data={"files_at_once": "no"}, headers=page)
    assert (wrong.status_code, "<!doctype html>" in wrong.text) == (400, True)


async def test_the_catalogue_can_be_filtered(pod: ControlPlane) -> None:
    found = (await pod.client.get("/presets?category=Video&installed=false&q=wan", headers=FRAGMENT)).text
    assert "Wan 2.1 text to video 1.3B" in found
    nothing = (await pod.client.get("/presets?q=no+such+preset", headers=FRAGMENT)).text
    assert "No preset matches" in nothing


async def test_an_unknown_preset_gets_an_error_page(pod: ControlPlane) -> None:
    answer = await pod.client.get("/presets/nothing", headers=PAGE)
    assert answer.status_code == 404
    assert "No preset named" in answer.text


async def test_a_file_is_fetched_paused_resumed_and_shown(pod: ControlPlane, hub: Hub) -> None:
    model = hub.add("acme/models", "daisy.safetensors", safetensors(50_000))
    gate = hub.hold(model, after=1000)
    form = {"pick": "0", "url-0": hub.url_of(model), "folder-0": "loras", "filename-0": "", "sha256-0": ""}
    answer = await pod.client.post("/downloads/add", data=form, headers=FRAGMENT)
    assert answer.headers["HX-Redirect"] == "/downloads"
    (transfer,) = (await pod.client.get("/api/downloads")).json()
    for action in ("pause", "resume"):
        assert (
            await pod.client.post(f"/downloads/{transfer['id']}/{action}", headers=FRAGMENT)
        ).status_code == 204
    gate.release()
    await pod.finished(transfer["id"])
    shown = (await pod.client.get("/downloads", headers=FRAGMENT)).text
    assert "Verified" in shown
    assert "Finished" in shown


async def test_an_invalid_form_becomes_a_toast(pod: ControlPlane) -> None:
    look = await pod.client.post(
        "/downloads/add/listing", data={"url": "http://127.0.0.1/x"}, headers=FRAGMENT
    )
    assert (look.status_code, "private address" in look.headers["HX-Trigger"]) == (400, True)
    row = {"pick": "0", "url-0": "https://example.org/x.safetensors", "folder-0": "loras"}
    for change, sentence in (
        ({"pick": "1"}, "Choose a model folder"),
        ({"pick": ""}, "Choose a model folder"),
        ({"folder-0": ""}, "Choose a model folder"),
        ({"url-0": ""}, "url: Field required"),
        ({"sha256-0": "abc"}, "sha256: String should match"),
        ({"bytes-0": "-1"}, "bytes: Input should be greater"),
    ):
        answer = await pod.client.post("/downloads/add", data=row | change, headers=FRAGMENT)
        assert answer.status_code == 400
        assert sentence in answer.headers["HX-Trigger"]
    nothing = await pod.client.post("/downloads/add", data={"folder-0": "loras"}, headers=FRAGMENT)
    assert "Select at least one file" in nothing.headers["HX-Trigger"]
    refused = await pod.client.post("/downloads/add", data=row | {"folder-0": "elsewhere"}, headers=FRAGMENT)
    assert "is not a model folder" in refused.headers["HX-Trigger"]
    assert (await pod.client.get("/api/downloads")).json() == []


async def test_a_preset_is_downloaded_and_deleted_from_its_page(pod: ControlPlane, hub: Hub) -> None:
    path = "split_files/vae/ae.safetensors"
    hub.add("Comfy-Org/z_image_turbo", path, safetensors(1000))
    answer = await pod.client.post("/presets/image_z_image_turbo/download", headers=FRAGMENT)
    assert "Downloading 3 files" in answer.headers["HX-Trigger"]
    for transfer in (await pod.client.get("/api/downloads")).json():
        await pod.finished(transfer["id"])
    answer = await pod.client.delete("/presets/image_z_image_turbo", headers=FRAGMENT)
    assert "Deleted: ae.safetensors." in answer.headers["HX-Trigger"]
    assert not (pod.models / "vae/ae.safetensors").exists()


async def test_the_sign_in_form_works_without_scripts(pod: ControlPlane) -> None:
    async with pod.anonymous(**PAGE) as visitor:
        assert "Password of this pod" in (await visitor.get("/_pod/sign-in")).text
        wrong = await visitor.post("/_pod/sign-in", data={"password": "wrong", "next": "/downloads"})
        assert (wrong.status_code, "not the password" in wrong.text) == (401, True)
        other_site = await visitor.post(
            "/_pod/sign-in", data={"password": PASSWORD}, headers={"Origin": "https://evil.example"}
        )
        assert other_site.status_code == 403
        right = await visitor.post("/_pod/sign-in", data={"password": PASSWORD, "next": "/downloads?a=1"})
        assert (right.status_code, right.headers["location"]) == (303, "/downloads?a=1")
        assert (await visitor.get("/downloads")).status_code == 200
        assert (await visitor.post("/sign-out")).headers["location"] == "/_pod/sign-in"
        assert (await visitor.get("/downloads")).status_code == 303


async def test_nginx_redirects_browsers_to_the_sign_in_and_rejects_programs(pod: ControlPlane) -> None:
    async with pod.anonymous(**{"X-Original-URI": "/view?a=1&b=2"}) as visitor:
        page = await visitor.get("/_pod/refused", headers=PAGE)
        assert page.headers["location"] == "/_pod/sign-in?next=/view%3Fa%3D1%26b%3D2"
        assert (await visitor.get("/_pod/refused")).status_code == 401


async def test_the_starting_page_explains_a_service_that_is_down(pod: ControlPlane) -> None:
    page = await pod.client.get("/_pod/starting?service=jupyter", headers=PAGE)
    assert (page.status_code, "JupyterLab is not ready yet" in page.text) == (503, True)
    program = await pod.client.get("/_pod/starting?service=comfyui")
    assert (program.status_code, program.json()["error"]["code"]) == (503, "unavailable")
