"""The ten kinds of volumes. A pod is ready on each, or reports exactly what is wrong; no file is ever lost.

The log of every pod is searched for complaints.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.image.support.belongings import (
    assert_all_there,
    assert_packages_there,
    bring,
    bring_another_node,
    write_files,
    write_index,
)
from tests.image.support.container import docker
from tests.image.support.pod import Pod

# Packages come from a folder, as for a user without internet.
OFFLINE = {"UV_OFFLINE": "1", "UV_FIND_LINKS": "/wheels"}
SUPERVISOR = "/opt/comfypod/scripts/supervisor/supervisord.conf"
NO_LINKS = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["symlink", "symlinkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(tmp_path_factory.mktemp("index") / "wheels")


@pytest.fixture
def bind(tmp_path: Path) -> tuple[str, ...]:
    folder = tmp_path / "volume"
    folder.mkdir()
    return ("--volume", f"{folder}:/workspace")


@pytest.fixture
def named(request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"comfypod-test-{uuid.uuid4().hex[:12]}"
    docker("volume", "create", *getattr(request, "param", ()), name)
    yield name
    docker("volume", "rm", "--force", name)


def start(image: str, index: Path, *options: str, expected: tuple[str, ...] = (), **variables: str) -> Pod:
    wheels = ("--volume", f"{index}:/wheels:ro")
    return Pod(image, *wheels, *options, variables=OFFLINE | variables, expected=expected)


@contextmanager
def ready(pod: Pod) -> Iterator[httpx.Client]:
    """Yield the owner of a pod on which ComfyUI answers."""
    with pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        yield owner


def workspace(pod: Pod, owner: httpx.Client) -> dict[str, Any]:
    report: dict[str, Any] = owner.get(f"{pod.dashboard}/api/system").json()["workspace"]
    return report


def assert_went_well(pod: Pod, owner: httpx.Client, case: str) -> None:
    report = workspace(pod, owner)
    assert (report["state"], report["case"], report["problems"]) == ("ready", case, [])


def running_from(pod: Pod) -> Path:
    """Return the venv of ComfyUI's process."""
    return Path(command_line(pod)[0]).parents[1]


def command_line(pod: Pod) -> list[str]:
    process = pod.run("pgrep", "--full", "main.py .*--listen").split()[0]
    return pod.run("cat", f"/proc/{process}/cmdline").split("\0")


def test_1_nothing_is_mounted(minimal_cpu: str, index: Path) -> None:
    pod = start(minimal_cpu, index)
    with ready(pod) as owner:
        assert_went_well(pod, owner, "unmounted")
        assert running_from(pod) == Path("/workspace/venv")


def test_2_an_empty_folder_is_mounted(minimal_cpu: str, index: Path, bind: tuple[str, ...]) -> None:
    pod = start(minimal_cpu, index, *bind)
    with ready(pod) as owner:
        assert_went_well(pod, owner, "empty")
        assert running_from(pod).parent == Path("/workspace/.comfypod/venvs")
        bring(pod)
    with ready(pod) as owner:
        assert_all_there(pod, owner)


@pytest.mark.parametrize(("nocopy", "case"), [(True, "empty"), (False, "unmounted")])
def test_3_an_empty_named_volume_is_mounted(
    minimal_cpu: str, index: Path, named: str, nocopy: bool, case: str
) -> None:
    mount = f"type=volume,source={named},target=/workspace{',volume-nocopy' if nocopy else ''}"
    pod = start(minimal_cpu, index, "--mount", mount)
    with ready(pod) as owner:
        assert_went_well(pod, owner, case)
        bring(pod)
    with ready(pod) as owner:
        assert_all_there(pod, owner)
        assert_packages_there(pod)


def test_4_the_same_image_comes_again(minimal_cpu: str, index: Path, bind: tuple[str, ...]) -> None:
    pod = start(minimal_cpu, index, *bind)
    with ready(pod):
        bring(pod)
    with ready(pod) as owner:
        assert_went_well(pod, owner, "warm")
        assert_all_there(pod, owner)
        assert_packages_there(pod)


@pytest.mark.parametrize("filled_by_docker", [False, True])
def test_5_and_6_a_newer_image_comes_and_then_the_older_one_again(
    minimal_cpu: str, standard_cpu: str, index: Path, named: str, filled_by_docker: bool
) -> None:
    """`standard` has other packages, and so another lock id."""
    mount = f"type=volume,source={named},target=/workspace{'' if filled_by_docker else ',volume-nocopy'}"
    older = start(minimal_cpu, index, "--mount", mount)
    with ready(older):
        bring(older)
    newer = start(standard_cpu, index, "--mount", mount)
    with ready(newer) as owner:
        assert_went_well(newer, owner, "foreign" if filled_by_docker else "warm")
        assert_all_there(newer, owner)
        assert_packages_there(newer)
        newer_venv = running_from(newer)
        bring_another_node(newer)
    with ready(older) as owner:
        assert_went_well(older, owner, "warm")
        assert_all_there(older, owner)
        assert_packages_there(older)
        assert running_from(older) != newer_venv
        assert "Installing the packages of 1 node: Another." in older.logs()
        older.run("/workspace/venv/bin/python", "-c", "import late_package")


def test_5_a_node_that_the_newer_image_cannot_serve_is_left_out_and_named(
    minimal_cpu: str, standard_cpu: str, index: Path, bind: tuple[str, ...]
) -> None:
    older = start(minimal_cpu, index, *bind)
    with ready(older):
        bring(older)
        other = "/workspace/ComfyUI/custom_nodes/Other"
        older.run(
            "bash",
            "-c",
            f"mkdir {other}; touch {other}/__init__.py; echo never-made==9 >{other}/requirements.txt",
        )
    newer = start(standard_cpu, index, *bind, expected=(r"WARNING: Other is left out",))
    with ready(newer) as owner:
        (problem,) = workspace(newer, owner)["problems"]
        assert problem["code"] == "node_left_out"
        assert "never-made" in problem["message"]
        assert "Other is left out of this run" in owner.get(f"{newer.dashboard}/").text
        assert_all_there(newer, owner)


def test_what_nodes_of_the_image_write_is_there_in_the_next_pod(
    standard_cpu: str, index: Path, bind: tuple[str, ...]
) -> None:
    written = {
        "/opt/nodes/comfyui_controlnet_aux/ckpts/lllyasviel/Annotators/body.pth": "weights",
        "/opt/nodes/rgthree-comfy/rgthree_config.json": "{}",
        "/opt/nodes/ComfyUI-Custom-Scripts/user/autocomplete.txt": "words",
        "/opt/spare/ComfyUI/pysssss-workflows/mine.json": "{}",
    }
    pod = start(standard_cpu, index, *bind)
    with ready(pod) as owner:
        assert workspace(pod, owner)["notes"] == []
        for path, content in written.items():
            pod.write(path, content)
    with ready(pod):
        assert {path: pod.run("cat", path) for path in written} == written


def fill_as_another_image(folder: Path) -> dict[str, str]:
    """Return a checkout of ComfyUI with an owner's changes, its venv, and model paths that are partly out of date."""
    write_files(folder / "ComfyUI")
    others = {
        "ComfyUI/main.py": "raise SystemExit('another version of ComfyUI')\n",
        "ComfyUI/comfy/samplers.py": "patched = True\n",
        "ComfyUI/.git/HEAD": "ref: refs/heads/master\n",
        "ComfyUI/my notes.txt": "notes\n",
        "ComfyUI/extra_model_paths.yaml": (
            "shared:\n  base_path: /workspace/storage\n  checkpoints: ckpt\n"
            "gone:\n  base_path: /runpod-volume/gone\n  loras: loras\n"
        ),
        "venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.12.3\n",
        "venv/lib/python3.12/site-packages/torch/__init__.py": "theirs = True\n",
        "storage/ckpt/shared.safetensors": "weights",
        "logs/comfyui.log": "a log\n",
    }
    for name, content in others.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "venv" / "bin").mkdir()
    (folder / "venv" / "bin" / "python").symlink_to("/usr/bin/python3.12")
    return others


def assert_nothing_lost(volume: Path, others: Mapping[str, str]) -> None:
    """Wherever it may lie by now."""
    found = {path.read_bytes() for path in volume.rglob("*") if path.is_file() and path.stat().st_size < 1000}
    assert [name for name, content in others.items() if content.encode() not in found] == []


def test_7_another_images_volume_is_adopted(
    minimal_cpu: str, index: Path, bind: tuple[str, ...], tmp_path: Path
) -> None:
    volume = tmp_path / "volume"
    others = fill_as_another_image(volume)
    pod = start(minimal_cpu, index, *bind)
    with ready(pod) as owner:
        assert_went_well(pod, owner, "foreign")
        assert_all_there(pod, owner)
        checkpoints = owner.get(f"{pod.url(3001)}/models/checkpoints").json()
        assert checkpoints == ["mine.safetensors", "shared.safetensors"]
        notes = workspace(pod, owner)["notes"]
        assert any("Files of another image are kept as venv.replaced-" in note for note in notes)
        assert any("line 5 is ignored: it names /runpod-volume/gone" in note for note in notes)
    assert_nothing_lost(volume, others)
    for name in ("my notes.txt", "extra_model_paths.yaml", ".git/HEAD"):
        assert (volume / "ComfyUI" / name).read_text() == others[f"ComfyUI/{name}"]


@pytest.mark.parametrize("second", ["minimal_cpu", "standard_cpu"])
def test_8_two_pods_start_on_one_volume_at_once(
    minimal_cpu: str, index: Path, bind: tuple[str, ...], request: pytest.FixtureRequest, second: str
) -> None:
    write_files(Path(bind[1].partition(":")[0]) / "ComfyUI")
    other_image: str = request.getfixturevalue(second)
    alone = ("--network", "none")
    wheels = ("--volume", f"{index}:/wheels:ro")
    # A ComfyUI that finds the database locked only after its start exits, and is started again.
    taken = ("WARN exited: comfyui",)
    pods = [
        Pod(image, *bind, *wheels, variables=OFFLINE, network=alone, expected=taken)
        for image in (minimal_cpu, other_image)
    ]
    with pods[0], pods[1]:
        for pod in pods:
            pod.wait_for_comfyui()
            report = json.loads(pod.run("cat", "/run/comfypod/workspace.json"))
            assert (report["state"], report["problems"]) == ("ready", [])
            pod.run(
                "curl",
                "--silent",
                "--fail",
                "--retry",
                "5",
                "--retry-connrefused",
                "http://127.0.0.1:3000/queue",
            )
            assert "MyType" in pod.run("curl", "--silent", "http://127.0.0.1:3000/object_info")
        lock_ids = {json.loads(pod.run("cat", "/opt/comfypod/image.json"))["lock_id"] for pod in pods}
        assert {running_from(pod).name for pod in pods} == lock_ids
        databases = [command_line(pod)[command_line(pod).index("--database-url") + 1] for pod in pods]
        assert sorted(databases) == ["sqlite:////workspace/ComfyUI/user/comfyui.db", "sqlite:///:memory:"]
        preview = (
            f"{command_line(pods[0])[command_line(pods[0]).index('--temp-directory') + 1]}/temp/preview.png"
        )
        pods[0].write(preview, "a preview")
        pods[1].run("supervisorctl", "-c", SUPERVISOR, "restart", "pod:comfyui")
        pods[1].wait_for_comfyui(times=2)
        assert pods[0].run("cat", preview) == "a preview"


def assert_runs_without_the_volume(pod: Pod, owner: httpx.Client, code: str, remedy: str) -> None:
    report = workspace(pod, owner)
    assert (report["state"], report["case"]) == ("ready", "unusable")
    (problem,) = report["problems"]
    assert problem["code"] == code
    assert "nothing that you make now will be kept" in problem["message"]
    assert remedy in problem["remedy"]
    page = owner.get(f"{pod.dashboard}/").text
    assert "nothing that you make now will be kept" in page
    assert running_from(pod).is_relative_to("/var/lib/comfypod/scratch")


def test_9_a_read_only_volume_is_read(minimal_cpu: str, index: Path, bind: tuple[str, ...]) -> None:
    pod = start(minimal_cpu, index, *bind)
    with ready(pod):
        bring(pod)
    mount = (bind[0], f"{bind[1]}:ro")
    read_only = start(
        minimal_cpu, index, *mount, expected=("WARNING: The volume at /workspace is read-only",)
    )
    with ready(read_only) as owner:
        assert_runs_without_the_volume(read_only, owner, "read_only", "Mount it with write access")
        assert_all_there(read_only, owner)
        assert owner.get(f"{read_only.url(3001)}/models/checkpoints").json() == ["mine.safetensors"]


def test_9_an_empty_read_only_volume(minimal_cpu: str, index: Path, bind: tuple[str, ...]) -> None:
    mount = (bind[0], f"{bind[1]}:ro")
    pod = start(minimal_cpu, index, *mount, expected=("WARNING: The volume at /workspace is read-only",))
    with ready(pod) as owner:
        assert_runs_without_the_volume(pod, owner, "read_only", "Mount it with write access")


def test_9_a_volume_that_is_too_small(minimal_cpu: str, index: Path) -> None:
    mount = ("--mount", "type=tmpfs,target=/workspace,tmpfs-size=256k")
    pod = start(minimal_cpu, index, *mount, expected=("WARNING: The volume at /workspace is full",))
    with ready(pod) as owner:
        assert_runs_without_the_volume(pod, owner, "volume_full", "Free some space")


def test_9_a_volume_that_fills_up_and_is_freed_again(minimal_cpu: str, index: Path) -> None:
    mount = ("--mount", "type=tmpfs,target=/workspace,tmpfs-size=80m")
    pod = start(minimal_cpu, index, *mount, expected=("WARNING: The volume at /workspace is full",))
    with ready(pod) as owner:
        bring(pod)
        docker("exec", pod.name, "dd", "if=/dev/zero", "of=/workspace/big", "bs=1M", check=False)
        restart(pod, owner, 2)
        assert_runs_without_the_volume(pod, owner, "volume_full", "Free some space")
        assert_all_there(pod, owner)
        pod.run("rm", "/workspace/big")
        restart(pod, owner, 3)
        assert_went_well(pod, owner, "warm")
        assert_all_there(pod, owner)


def restart(pod: Pod, owner: httpx.Client, times: int) -> None:
    owner.post(f"{pod.dashboard}/api/system/services/comfyui/restart").raise_for_status()
    pod.wait_for_comfyui(times=times)


def test_9_a_volume_that_knows_no_links(
    minimal_cpu: str, index: Path, bind: tuple[str, ...], tmp_path: Path
) -> None:
    profile = tmp_path / "no-links.json"
    profile.write_text(json.dumps(NO_LINKS))
    pod = start(minimal_cpu, index, *bind, "--security-opt", f"seccomp={profile}")
    with ready(pod) as owner:
        assert_went_well(pod, owner, "empty")
        venv = running_from(pod)
        assert venv.parent == Path("/workspace/.comfypod/venvs")
        write_files(tmp_path / "volume" / "ComfyUI")
        pip = (
            f"{venv}/bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--find-links",
            "/wheels",
        )
        pod.run(*pip, "node-package==1")
    with ready(pod) as owner:
        assert_went_well(pod, owner, "warm")
        assert_all_there(pod, owner)


def test_9_a_volume_that_refuses_to_change_owners(minimal_cpu: str, bind: tuple[str, ...]) -> None:
    """Only ComfyUI's service: the refusal holds for the whole container, and nginx minds."""
    service = ("/opt/comfypod/venv/bin/python", "-m", "scripts.workspace", "comfyui")
    options = (*bind, "--workdir", "/opt/comfypod", "--cap-drop", "CHOWN")
    with Pod(minimal_cpu, *options, command=service) as pod:
        pod.wait_for_comfyui()
        report = json.loads(pod.run("cat", "/run/comfypod/workspace.json"))
        assert (report["state"], report["case"], report["problems"]) == ("ready", "empty", [])


def test_10_a_pod_that_is_killed_while_it_prepares_is_made_good(
    minimal_cpu: str, index: Path, bind: tuple[str, ...], tmp_path: Path
) -> None:
    volume = tmp_path / "volume"
    others = fill_as_another_image(volume)
    killed = start(minimal_cpu, index, *bind)
    with killed:
        while not (volume / ".comfypod").exists():
            time.sleep(0.001)
        docker("kill", killed.name)
    pod = start(minimal_cpu, index, *bind)
    with ready(pod) as owner:
        assert workspace(pod, owner)["problems"] == []
        assert_all_there(pod, owner)
        assert not list(Path(volume, ".comfypod", "venvs").glob("*.making"))
    assert_nothing_lost(volume, others)
