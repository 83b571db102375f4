"""A user finds workflows as templates, wherever they are on the pod."""

import json
from typing import Any

from tests.support.comfyui.graphs import picture
from tests.support.templates_pod import Pod
from tests.support.workflows import drawn, node, png, text_chunk


def listed(pod: Pod, **query: Any) -> list[dict[str, Any]]:
    response = pod.http.get("/api/templates", params={"limit": 1000, **query})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def error(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_official_templates_are_listed_as_comfyui_sorts_them(shared: Pod) -> None:
    local = listed(shared, source="official")
    everything = listed(shared, source="official", paid=True)
    assert 200 < len(local) < len(everything)
    assert not any(template["paid"] for template in local)
    assert {template["media_type"] for template in local} == {"image", "video", "audio", "3d", "text"}
    (turbo,) = [template for template in local if template["id"] == "official:image_z_image_turbo"]
    assert (turbo["title"], turbo["category"]) == ("Z-Image-Turbo: Text to Image", "Image")


def test_a_list_has_pages(shared: Pod) -> None:
    first = shared.http.get("/api/templates", params={"limit": 2, "source": "official"})
    following = shared.http.get(first.links["next"]["url"])
    ids = [template["id"] for template in (*first.json(), *following.json())]
    assert ids == [template["id"] for template in listed(shared, source="official")][: len(ids)]
    assert len(set(ids)) > 2


def test_templates_are_found_by_words(shared: Pod) -> None:
    found = listed(shared, q="turbo image Z-IMAGE")
    assert "official:image_z_image_turbo" in {template["id"] for template in found}
    assert not listed(shared, q="turbo no-such-word")


def test_a_workflow_saved_in_comfyui_is_a_template(shared: Pod) -> None:
    saved = shared.workspace / "ComfyUI/user/default/workflows/portraits/cat.json"
    saved.parent.mkdir(parents=True)
    saved.write_text(json.dumps(drawn(node("EmptyImage", 8, 8, 1, 7))))
    (template,) = listed(shared, source="comfyui")
    assert (template["id"], template["title"]) == ("comfyui:portraits/cat", "portraits/cat")
    by_id = shared.http.get("/api/templates/comfyui:portraits/cat").json()
    by_name = shared.http.get("/api/templates/portraits/cat").json()
    assert by_id == by_name
    assert by_id["format"] == "ui"


def test_files_in_the_workflows_folder_are_templates(shared: Pod) -> None:
    folder = shared.workspace / "workflows"
    (folder / "faces").mkdir(parents=True)
    (folder / "faces/oval.json").write_text(json.dumps(picture(1)))
    (folder / "seen.png").write_bytes(png(text_chunk("prompt", picture(2))))
    (folder / "notes.txt").write_text("not a workflow")
    (folder / ".hidden.json").write_text("{}")
    assert [template["id"] for template in listed(shared, source="folder")] == [
        "folder:faces/oval",
        "folder:seen.png",
    ]
    oval = shared.http.get("/api/templates/folder:faces/oval").json()
    assert (oval["workflow"], oval["format"], oval["media_type"]) == (picture(1), "api", "image")
    assert shared.http.get("/api/templates/seen.png").json()["workflow"] == picture(2)


def test_a_file_outside_the_folder_cannot_be_read(shared: Pod) -> None:
    (shared.workspace / "secret.json").write_text(json.dumps(picture(1)))
    for name in ("../secret", "a/../../secret", "/etc/passwd", "..%2fsecret"):
        response = shared.http.get(f"/api/templates/folder:{name}")
        assert response.status_code == 404


def test_an_uploaded_workflow_is_kept_once(shared: Pod) -> None:
    content = json.dumps(picture(3)).encode()
    first = shared.http.post("/api/templates", params={"title": "Square"}, content=content)
    again = shared.http.post(
        "/api/templates",
        params={"title": "Box", "description": "A box."},
        content=png(text_chunk("prompt", picture(3))),
    )
    assert (first.status_code, again.status_code) == (201, 201)
    template_id = first.json()["id"]
    assert template_id == again.json()["id"] == f"uploaded:{first.json()['version']}"
    assert [(entry["title"], entry["description"]) for entry in listed(shared, source="uploaded")] == [
        ("Box", "A box.")
    ]
    assert shared.http.get("/api/templates/Box").json()["id"] == template_id
    assert shared.http.delete(f"/api/templates/{template_id}").status_code == 204
    assert not listed(shared, source="uploaded")
    assert error(shared.http.delete(f"/api/templates/{template_id}")) == (404, "unknown_template")


def test_another_content_is_another_version(shared: Pod) -> None:
    file = shared.workspace / "workflows/versions.json"
    file.parent.mkdir(exist_ok=True)
    versions = []
    for color in (1, 2, 1):
        file.write_text(json.dumps(picture(color)))
        versions.append(shared.http.get("/api/templates/folder:versions").json()["version"])
    assert versions[0] == versions[2] != versions[1]


def test_what_is_no_workflow_is_refused(shared: Pod) -> None:
    def upload(content: bytes) -> tuple[int, str]:
        return error(shared.http.post("/api/templates", params={"title": "x"}, content=content))

    assert upload(b"") == (400, "empty")
    assert upload(b"{") == (400, "not_json")
    assert upload(b'{"nodes": []}') == (400, "not_a_workflow")
    assert upload(png()) == (400, "no_workflow")
    assert upload(b"[" * 2_000_001) == (400, "too_large")
    assert upload(b" " * 50_000_000) == (413, "too_large")
    assert not listed(shared, source="uploaded")


def test_official_templates_and_files_cannot_be_deleted_here(shared: Pod) -> None:
    response = shared.http.delete("/api/templates/official:image_z_image_turbo")
    assert error(response) == (409, "not_uploaded")


def test_an_unknown_name_gets_similar_ones(shared: Pod) -> None:
    response = shared.http.get("/api/templates/image_z_image_turbos")
    assert error(response) == (404, "unknown_template")
    assert "image_z_image_turbo" in response.json()["error"]["message"]


def test_workflows_yaml_is_read_as_it_is(shared: Pod) -> None:
    folder = shared.workspace / "workflows"
    folder.mkdir(exist_ok=True)
    (folder / "square.json").write_text(json.dumps(picture(5)))
    plan = shared.workspace / "workflows.yaml"
    plan.write_text(
        "square:\n  template_path: workflows/square.json\n  required_inputs: [width, color]\n"
        "no_path:\n  required_inputs: []\n"
        "no_inputs:\n  template_path: workflows/square.json\n"
        "gone:\n  template_path: workflows/gone.json\n  required_inputs: []\n"
        "outside:\n  template_path: ../../object_info.json\n  required_inputs: []\n"
    )
    problems = {entry["id"]: entry["problem"] for entry in listed(shared, source="workflows_yaml")}
    assert problems["square"] is None
    assert "no `template_path`" in problems["no_path"]
    assert "no `required_inputs`" in problems["no_inputs"]
    square = shared.http.get("/api/templates/square").json()
    assert square["required_inputs"] == ["width", "color"]
    for name in ("no_path", "no_inputs", "gone", "outside"):
        assert error(shared.http.get(f"/api/templates/{name}")) == (400, "invalid_template")
    plan.write_text("")
    assert not listed(shared, source="workflows_yaml")
    plan.write_text("a: [")
    assert not listed(shared, source="workflows_yaml")


def test_the_schema_has_the_inputs_of_the_form(shared: Pod) -> None:
    address = "/api/templates/schema/official:image_z_image_turbo"
    schema = shared.http.get(address).json()
    assert schema["title"] == "Z-Image-Turbo: Text to Image"
    assert {"prompt", "width", "height"} <= schema["properties"].keys()
    everything = shared.http.get(address, params={"all": True}).json()["properties"]
    assert len(everything) > len(schema["properties"])


def test_requirements_name_files_with_sizes_and_missing_nodes(shared: Pod) -> None:
    found = shared.http.get("/api/templates/requirements/official:image_z_image_turbo").json()
    assert {"z_image_turbo_bf16.safetensors", "ae.safetensors"} <= {
        file["filename"] for file in found["files"]
    }
    assert found["missing_nodes"] == []


def test_without_comfyui_templates_are_listed_and_the_schema_says_why_not(shared: Pod) -> None:
    shared.comfyui.stop()
    try:
        assert listed(shared, source="comfyui") == []
        assert shared.http.get("/api/templates/official:image_z_image_turbo").status_code == 200
        response = shared.http.get("/api/templates/schema/official:image_z_image_turbo")
        assert error(response) == (503, "comfyui_unreachable")
    finally:
        shared.comfyui.start()
