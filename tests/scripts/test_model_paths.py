"""ComfyUI finds models where people keep them, and no wrong line of theirs keeps it from starting."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.workspace.layout import Layout
from tests.scripts.conftest import Start, fill_from_image, start


def sections(started: Start) -> dict[str, dict[str, Any]]:
    """Of all the files that ComfyUI was given, by name."""
    found: dict[str, dict[str, Any]] = {}
    for file in started.arguments_of("--extra-model-paths-config"):
        found |= yaml.safe_load(Path(file).read_text())
    return found


def mount(folder: Path, *kinds: str) -> Path:
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
    return folder


def own_file(layout: Layout, text: str) -> Path:
    path = layout.comfyui / "extra_model_paths.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_mount_is_offered_by_the_folders_that_it_has(layout: Layout, tmp_path: Path) -> None:
    models = mount(tmp_path / "more models", "loras", "diffusion_models", "not a kind")
    started = start(layout, EXTRA_MODEL_PATHS=str(models))
    assert list(sections(started).values()) == [
        {"base_path": str(models), "diffusion_models": "diffusion_models/", "loras": "loras/"}
    ]
    assert started.report["notes"] == []


@pytest.mark.parametrize("inside", ["models", "ComfyUI/models"])
def test_models_inside_a_mount_are_found(layout: Layout, tmp_path: Path, inside: str) -> None:
    models = mount(tmp_path / "volume of another image" / inside, "vae")
    started = start(layout, EXTRA_MODEL_PATHS=str(tmp_path / "volume of another image"))
    assert list(sections(started).values()) == [{"base_path": str(models), "vae": "vae/"}]


def test_models_beside_comfyui_on_the_volume_are_found(layout: Layout) -> None:
    models = mount(layout.workspace / "models", "checkpoints")
    assert [section["base_path"] for section in sections(start(layout)).values()] == [str(models)]


def test_a_kind_of_the_users_own_is_offered_too(layout: Layout, tmp_path: Path) -> None:
    start(layout)
    (layout.comfyui / "models" / "my_kind").mkdir()
    started = start(layout, EXTRA_MODEL_PATHS=str(mount(tmp_path / "mount", "my_kind")))
    (section,) = sections(started).values()
    assert section["my_kind"] == "my_kind/"


def test_a_mount_that_is_not_there_is_named_with_the_reason(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    wanted = ["/does/not/exist", str(tmp_path / "file"), str(tmp_path / "empty"), "models"]
    notes = start(layout, EXTRA_MODEL_PATHS=",".join(wanted)).report["notes"]
    assert "it does not exist" in notes[0]
    assert "it is not a folder" in notes[1]
    assert "no folder such as checkpoints" in notes[2]
    assert "models is not used for models: it must begin with /" in notes[3]


def test_one_folder_named_twice_is_offered_once(layout: Layout, tmp_path: Path) -> None:
    models = mount(tmp_path / "mount", "loras")
    (tmp_path / "link").symlink_to(models)
    started = start(layout, EXTRA_MODEL_PATHS=f"{models}, {tmp_path / 'link'},{models},")
    assert len(sections(started)) == 1


def test_paths_that_were_chosen_on_the_page_are_used(layout: Layout, tmp_path: Path) -> None:
    models = mount(tmp_path / "mount", "loras")
    layout.state.mkdir()
    (layout.state / "model-paths.json").write_text(json.dumps({"paths": [str(models)]}))
    assert [section["base_path"] for section in sections(start(layout)).values()] == [str(models)]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"paths": 5}', '{"paths": [5]}'])
def test_choices_that_cannot_be_read_are_named_and_left_out(layout: Layout, content: str) -> None:
    layout.state.mkdir()
    (layout.state / "model-paths.json").write_text(content)
    started = start(layout)
    assert started.exit_code == 0
    assert any("model-paths.json" in note for note in started.report["notes"])


def test_the_users_own_file_is_used(layout: Layout, tmp_path: Path) -> None:
    mount(tmp_path / "mine", "a", "b")
    own_file(layout, f"mine:\n  base_path: {tmp_path}/mine\n  is_default: true\n  loras: |\n    a\n    b\n")
    started = start(layout)
    assert sections(started)["mine"] == {
        "base_path": f"{tmp_path}/mine",
        "is_default": True,
        "loras": "a\nb",
    }
    assert started.report["notes"] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mine:\n  loras: [\n", "line 3 is not YAML"),
        ("mine:\n\tloras: x\n", "line 2 is not YAML"),
        ("just words", "line 1 must be the name of a section"),
        ("\nmine: words\n", "line 2 is ignored: it must be a section"),
        ("mine:\n  loras: [a, b]\n", "line 2 is ignored: it must be a folder"),
        ("mine:\n  loras: 5\n", "line 2 is ignored: it must be a folder"),
        ("mine:\n  loras:\n", "line 2 is ignored: it must be a folder"),
        ("mine:\n  base_path: 5\n  loras: x\n", "line 2 is ignored: it must be a folder"),
        ("mine:\n  base_path: /nowhere/at/all\n  loras: x\n", "line 2 is ignored: it names /nowhere/at/all"),
        ("mine:\n  loras: /nowhere/at/all\n", "line 2 is ignored: it names /nowhere/at/all"),
        ("mine:\n  custom_nodes: elsewhere\n", "line 2 is ignored: it names"),
        ("mine:\n  [a, b]: x\n", "line 2 is ignored: it must be a name"),
        ("mine: !!python/object/apply:os.system [reboot]\n", "line 1 is ignored: it must be a section"),
        ("[" * 5000, "is ignored"),
        ("x" * 2_000_000, "larger than 1 MiB"),
    ],
)
def test_a_wrong_line_of_the_users_own_file_is_named_and_left_out(
    layout: Layout, text: str, complaint: str
) -> None:
    path = own_file(layout, text)
    started = start(layout)
    assert started.exit_code == 0
    assert any(str(path) in note and complaint in note for note in started.report["notes"])
    assert "mine" not in sections(started)
    assert path.read_text() == text


def test_the_other_lines_of_a_file_with_a_wrong_one_are_used(layout: Layout) -> None:
    own_file(layout, "good:\n  loras: not there yet\nbad: 5\n")
    assert list(sections(start(layout))) == ["good"]


def test_a_wrong_file_beside_the_images_own_comfyui_is_kept_from_it(layout: Layout) -> None:
    """Nothing mounted: ComfyUI would read the file beside its main.py by itself."""
    fill_from_image(layout)
    assert start(layout).arguments[0] == str(layout.comfyui / "main.py")
    own_file(layout, "mine: 5\n")
    started = start(layout)
    assert started.report["case"] == "unmounted"
    assert started.arguments[0] == str(layout.spare / "ComfyUI" / "main.py")
    assert started.argument("--base-directory") == str(layout.comfyui)


def test_baked_nodes_are_offered_unless_the_user_has_them_too(layout: Layout) -> None:
    for name in ("Both", "Switched-Off", "OnlyBaked"):
        (layout.baked_nodes / name).mkdir(parents=True)
    start(layout)
    (layout.comfyui / "custom_nodes" / "both").mkdir()
    (layout.comfyui / "custom_nodes" / ".disabled" / "switched_off@1_0").mkdir(parents=True)
    offered = sections(start(layout))["image"]
    folder = Path(offered["base_path"], offered["custom_nodes"])
    assert [node.name for node in folder.iterdir()] == ["OnlyBaked"]
