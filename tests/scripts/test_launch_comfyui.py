"""How ComfyUI is started: with which folders, which arguments, which environment."""

import fcntl
from pathlib import Path

import pytest

from scripts.workspace.layout import Layout
from tests.scripts.conftest import SITE_PACKAGES, start


def test_data_and_database_stay_on_the_volume_and_only_nginx_reaches_it(layout: Layout) -> None:
    started = start(layout)
    assert started.argument("--base-directory") == str(layout.comfyui)
    assert started.argument("--database-url") == f"sqlite:///{layout.comfyui}/user/comfyui.db"
    assert (started.argument("--listen"), started.argument("--port")) == ("127.0.0.1", "3000")


def test_a_second_pod_leaves_the_firsts_previews_and_database_alone(layout: Layout) -> None:
    assert not Path(start(layout).argument("--temp-directory")).is_relative_to(layout.workspace)
    with (layout.comfyui / "user" / "comfyui.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as ComfyUI does
        second = start(layout)
    assert second.argument("--database-url") == "sqlite:///:memory:"
    assert "Another pod uses ComfyUI's database" in second.report["notes"][0]
    assert start(layout).argument("--database-url") == f"sqlite:///{layout.comfyui}/user/comfyui.db"


def test_the_owner_may_choose_another_folder_for_temp(layout: Layout) -> None:
    """ComfyUI takes the last of two."""
    arguments = start(layout, COMFYUI_EXTRA_ARGS="--temp-directory /mnt/large").arguments
    assert arguments.index("/mnt/large") > arguments.index(str(layout.of_this_pod))


def test_an_image_without_cuda_runs_comfyui_on_the_cpu(layout: Layout) -> None:
    started = start(layout)
    assert "--cpu" in started.arguments
    assert started.verdict["verdict"] == "cpu_image"


def test_what_nodes_install_goes_to_the_volume_and_is_cached_there(layout: Layout) -> None:
    environment = start(layout).environment
    venv = layout.venvs / "py3-first"
    assert environment["PATH"].startswith(f"{venv}/bin:")
    assert environment["UV_CACHE_DIR"] == str(layout.state / "cache" / "uv")
    assert environment["PIP_CACHE_DIR"] == str(layout.state / "cache" / "pip")


@pytest.mark.parametrize(
    ("value", "safe"),
    [("1", True), ("true", True), ("Y", True), ("0", False), ("n", False), ("", False), ("maybe", False)],
)
def test_safe_mode_starts_without_custom_nodes(layout: Layout, value: str, safe: bool) -> None:
    assert ("--disable-all-custom-nodes" in start(layout, SAFE_MODE=value).arguments) == safe


def test_what_the_owner_chose_on_the_page_goes_before_safe_mode(layout: Layout) -> None:
    choice = layout.run / "safe-mode.json"
    choice.parent.mkdir(parents=True, exist_ok=True)
    choice.write_text('{"safe_mode": true}')
    assert "--disable-all-custom-nodes" in start(layout).arguments
    choice.write_text('{"safe_mode": false}')
    assert "--disable-all-custom-nodes" not in start(layout, SAFE_MODE="1").arguments
    choice.write_text("{")
    assert "--disable-all-custom-nodes" in start(layout, SAFE_MODE="1").arguments


def test_extra_arguments_are_split_as_a_shell_would(layout: Layout) -> None:
    started = start(layout, COMFYUI_EXTRA_ARGS="--preview-method auto --front-end-version 'two words'")
    assert started.arguments[5:9] == ["--preview-method", "auto", "--front-end-version", "two words"]
    assert started.problems == []


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ("--front-end-version 'never closed", "No closing quotation"),
        ("--no-such-argument", "unrecognized arguments: --no-such-argument"),
        ("--preview-method", "expected one argument"),
        ("--preview-method gorgeous", "invalid choice: 'gorgeous'"),
        ("--highvram", "not allowed with argument"),  # beside --cpu
    ],
)
def test_arguments_that_comfyui_would_not_take_are_named_and_left_out(
    layout: Layout, extra: str, reason: str
) -> None:
    started = start(layout, COMFYUI_EXTRA_ARGS=extra)
    assert started.exit_code == 0
    assert started.arguments[1:6] == [
        *("--temp-directory", str(layout.of_this_pod)),
        *("--max-upload-size", "10000", "--listen"),
    ]
    (problem,) = started.report["problems"]
    assert problem["code"] == "extra_arguments"
    assert reason in problem["message"]
    assert problem["remedy"]
    assert "Traceback" not in started.output


@pytest.mark.parametrize(
    ("written", "module"),
    [
        ("--use-sage-attention", "sageattention, triton"),
        ("--use-sage", "sageattention, triton"),
        ("--use-flash-attention", "flash_attn"),
    ],
)
def test_an_argument_whose_package_is_missing_is_named_and_left_out(
    layout: Layout, written: str, module: str
) -> None:
    started = start(layout, COMFYUI_EXTRA_ARGS=f"--preview-method auto {written}")
    assert written not in started.arguments
    assert started.argument("--preview-method") == "auto"
    (problem,) = started.report["problems"]
    assert f"{written} of COMFYUI_EXTRA_ARGS is left out" in problem["message"]
    assert f"Missing Python modules: {module}." in problem["message"]
    assert "pip install" in problem["remedy"]


def test_an_argument_whose_package_is_there_is_passed_on(layout: Layout) -> None:
    package = layout.spare / "venv" / SITE_PACKAGES / "flash_attn"
    package.mkdir()
    (package / "__init__.py").touch()
    assert "--use-flash-attention" in start(layout, COMFYUI_EXTRA_ARGS="--use-flash-attention").arguments


def test_comfyui_takes_large_uploads(layout: Layout) -> None:
    assert start(layout).argument("--max-upload-size") == "10000"
    assert start(layout, MAX_UPLOAD_MB="2.5").argument("--max-upload-size") == "2.5"
    started = start(layout, MAX_UPLOAD_MB="2.5", COMFYUI_EXTRA_ARGS="--max-upload-size 7")
    assert started.arguments_last("--max-upload-size") == "7"


@pytest.mark.parametrize("limit", ["many", "0", "-1", "inf", "nan"])
def test_a_limit_for_uploads_that_is_no_number_is_named(layout: Layout, limit: str) -> None:
    started = start(layout, MAX_UPLOAD_MB=limit)
    assert started.argument("--max-upload-size") == "10000"
    assert started.report["notes"] == [
        "MAX_UPLOAD_MB is not a number of megabytes, so 10000 is used. Correct it."
    ]


def test_where_comfyui_listens_is_the_pods_own(layout: Layout) -> None:
    """ComfyUI takes the last of two."""
    started = start(layout, COMFYUI_EXTRA_ARGS="--listen 0.0.0.0 --port=8188")
    assert started.arguments.index("0.0.0.0") < started.arguments.index("127.0.0.1")
    assert started.arguments.index("--port=8188") < started.arguments.index("3000")


def test_managers_settings_are_written_once_and_then_belong_to_the_user(layout: Layout) -> None:
    start(layout)
    config = layout.comfyui / "user/__manager/config.ini"
    assert "personal_cloud" in config.read_text()
    config.write_text("mine")
    start(layout)
    assert config.read_text() == "mine"
