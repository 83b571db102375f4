"""How ComfyUI is started: with which GPU, which folders, which arguments."""

from pathlib import Path

import pytest
import yaml

from scripts.workspace.accelerator import Driver, Verdict, judge
from scripts.workspace.code import lay_out
from scripts.workspace.launch import command, write_manager_defaults
from scripts.workspace.layout import Layout
from scripts.workspace.model_paths import write_model_paths

CPU = Verdict(kind="cpu", verdict="no_gpu", message="")
CUDA = Verdict(kind="cuda", verdict="ok", message="")


def driver(major: int, minor: int) -> Driver:
    return Driver(version="570.1", cuda=(major, minor), devices=["A card"])


@pytest.mark.parametrize(
    ("cuda_image", "found", "kind", "verdict"),
    [
        (None, driver(13, 0), "cpu", "cpu_image"),
        ("13.0", None, "cpu", "no_gpu"),
        ("13.0", driver(12, 8), "cpu", "driver_too_old"),
        ("13.0", driver(13, 0), "cuda", "ok"),
        ("12.8", driver(12, 4), "cuda", "ok"),
        ("12.6", driver(13, 1), "cuda", "ok"),
    ],
)
def test_the_gpu_is_used_when_its_driver_can_run_the_images_cuda(
    cuda_image: str | None, found: Driver | None, kind: str, verdict: str
) -> None:
    judged = judge(cuda_image, lambda: found)
    assert (judged.kind, judged.verdict) == (kind, verdict)
    assert judged.message


def test_without_a_gpu_comfyui_runs_on_the_cpu(layout: Layout) -> None:
    assert "--cpu" in command(layout, {}, CPU, Path("paths.yaml"))
    assert "--cpu" not in command(layout, {}, CUDA, Path("paths.yaml"))


def test_data_and_database_stay_on_the_volume(layout: Layout) -> None:
    arguments = command(layout, {}, CUDA, Path("paths.yaml"))
    assert arguments[arguments.index("--base-directory") + 1] == str(layout.comfyui)
    assert str(layout.comfyui / "user") in arguments[arguments.index("--database-url") + 1]
    assert arguments[arguments.index("--listen") + 1] == "127.0.0.1"


def test_extra_arguments_are_split_as_a_shell_would(layout: Layout) -> None:
    environment = {"COMFYUI_EXTRA_ARGS": "--preview-method auto --note 'two words'", "SAFE_MODE": "1"}
    arguments = command(layout, environment, CUDA, Path("paths.yaml"))
    assert arguments[-4:] == ["--preview-method", "auto", "--note", "two words"]
    assert "--disable-all-custom-nodes" in arguments


def test_mounted_model_folders_are_offered_to_comfyui(layout: Layout, tmp_path: Path) -> None:
    lay_out(layout)
    layout.run.mkdir()
    mount = tmp_path / "more models"
    mount.mkdir()
    written = write_model_paths(layout, {"EXTRA_MODEL_PATHS": f"{mount}, /does/not/exist"})
    (section,) = yaml.safe_load(written.read_text()).values()
    assert section["base_path"] == str(mount)
    assert section["loras"] == "loras/"


def test_a_baked_node_that_the_user_has_too_is_not_loaded_twice(layout: Layout) -> None:
    lay_out(layout)
    layout.run.mkdir()
    for name in ("Both", "OnlyBaked"):
        (layout.baked_nodes / name).mkdir(parents=True)
    (layout.comfyui / "custom_nodes" / "both").mkdir()
    written = write_model_paths(layout, {})
    section = yaml.safe_load(written.read_text())["image"]
    offered = Path(section["base_path"]) / section["custom_nodes"]
    assert [entry.name for entry in offered.iterdir()] == ["OnlyBaked"]


def test_managers_settings_are_written_once_and_then_belong_to_the_user(layout: Layout) -> None:
    lay_out(layout)
    write_manager_defaults(layout)
    config = layout.comfyui / "user/__manager/config.ini"
    assert "personal_cloud" in config.read_text()
    config.write_text("mine")
    write_manager_defaults(layout)
    assert config.read_text() == "mine"
