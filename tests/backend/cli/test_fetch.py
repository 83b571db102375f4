"""A user downloads presets and files from a shell, with a control plane running."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import pickle_checkpoint, safetensors
from tests.support.process import running_process

SIZE = 200_000
PRESET = "realesrgan-x4"
REPOSITORY = "Comfy-Org/Real-ESRGAN_repackaged"
MODEL = "RealESRGAN_x4plus.safetensors"


@pytest.fixture
def ant(hub: Hub) -> HubFile:
    return hub.add("acme/models", "ant.safetensors", safetensors(SIZE))


@pytest.fixture
def upscaler(hub: Hub) -> HubFile:
    return hub.add(REPOSITORY, MODEL, safetensors(SIZE, seed=1))


def test_a_file_is_downloaded_and_its_progress_printed(
    comfypod: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    done = comfypod.run("download", hub.url_of(ant), "--to", "loras", "--name", "mine.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "loras/mine.safetensors: 100 % 200.0 kB, done, verified"
    assert (models / "loras/mine.safetensors").stat().st_size == SIZE
    hub.forget_requests()
    again = comfypod.run("download", hub.url_of(ant), "--to", "loras", "--name", "mine.safetensors")
    assert (again.returncode, hub.requests_to("cdn")) == (0, [])


@pytest.mark.slow
def test_a_preset_is_installed_and_listed_as_such(
    comfypod: CommandLine, hub: Hub, upscaler: HubFile, models: Path
) -> None:
    assert f"{PRESET}\tmissing" in comfypod.run("presets", "list", "upscaler").stdout
    shown = comfypod.run("presets", "show", PRESET).stdout
    assert f"upscale_models/{MODEL}\tmissing\t200.0 kB" in shown
    assert "To download: 200.0 kB. Free:" in shown
    assert comfypod.run("presets", "install", PRESET).returncode == 0
    assert (models / "upscale_models" / MODEL).stat().st_size == SIZE
    assert "All files are here." in comfypod.run("presets", "show", PRESET).stdout
    assert f"{PRESET}\tinstalled" in comfypod.run("presets", "list", "--installed").stdout
    again = comfypod.run("presets", "install", PRESET)
    assert (again.returncode, again.stderr) == (0, "All files are already here.\n")


@pytest.mark.slow
def test_a_file_of_ones_own_is_kept_instead_of_that_of_a_preset(
    comfypod: CommandLine, upscaler: HubFile, models: Path
) -> None:
    own = models / "upscale_models" / MODEL
    own.parent.mkdir(parents=True)
    own.write_bytes(b"my own!")
    refused = comfypod.run("presets", "install", PRESET)
    assert refused.returncode == 1
    assert "comfypod presets keep" in refused.stderr
    kept = comfypod.run("presets", "keep", PRESET, f"upscale_models/{MODEL}")
    assert (kept.returncode, kept.stdout) == (0, f"upscale_models/{MODEL}\tkept\t7 B\n")
    assert comfypod.run("presets", "install", PRESET).returncode == 0
    assert own.read_bytes() == b"my own!"
    undone = json.loads(comfypod.run("presets", "keep", PRESET, "--undo", "--json").stdout)
    assert undone["files"][0]["state"] == "other"


@pytest.mark.slow
def test_a_preset_with_files_that_can_run_code_needs_consent(
    alone: CommandLine, hub: Hub, workspace: Path, models: Path
) -> None:
    old = hub.add("acme/old", "old.pth", pickle_checkpoint(1))
    added = workspace / ".comfypod/presets"
    added.mkdir(parents=True, exist_ok=True)
    file = f"{{folder: upscale_models, filename: old.pth, url: '{hub.url_of(old)}'}}"
    (added / "old-style.yaml").write_text(f"id: old-style\ntitle: Old\ncategory: Test\nfiles: [{file}]\n")
    refused = alone.run("presets", "install", "old-style")
    assert (refused.returncode, (models / "upscale_models").exists()) == (1, False)
    assert "--allow-pickle" in refused.stderr
    assert alone.run("presets", "install", "old-style", "--allow-pickle").returncode == 0
    assert (models / "upscale_models/old.pth").exists()


@pytest.mark.slow
def test_programs_get_the_responses_of_the_api(comfypod: CommandLine, hub: Hub, ant: HubFile) -> None:
    done = comfypod.run("download", hub.url_of(ant), "--to", "loras", "--json")
    (transfer,) = json.loads(done.stdout)
    assert (transfer["state"], transfer["sha256"]) == ("done", ant.sha256)
    assert [row["id"] for row in json.loads(comfypod.run("downloads", "--json").stdout)] == [transfer["id"]]
    assert json.loads(comfypod.run("presets", "list", "upscaler", "--json").stdout)[0]["preset"]["id"]
    assert json.loads(comfypod.run("presets", "show", PRESET, "--json").stdout)["id"] == PRESET
    assert json.loads(comfypod.run("downloads", "log", transfer["id"], "--json").stdout)[0]["message"]


@pytest.mark.slow
def test_a_failed_download_is_reported_with_its_reason(comfypod: CommandLine, hub: Hub, ant: HubFile) -> None:
    hub.fault(ant, faults.Status(code=404, on="resolve"))
    done = comfypod.run("download", hub.url_of(ant), "--to", "loras")
    assert done.returncode == 1
    assert "loras/ant.safetensors is failed: " in done.stderr
    advice = done.stderr.splitlines()[-1]
    assert advice.startswith("To try again: comfypod downloads retry ")
    assert comfypod.run(*advice.partition("comfypod ")[2].split()).returncode == 0
    assert comfypod.run("downloads", "--live").returncode == 0


@pytest.mark.slow
def test_wrong_content_is_quarantined_until_the_user_accepts_it(
    comfypod: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    hub.fault(ant, faults.WrongContent(times=1))
    done = comfypod.run("download", hub.url_of(ant), "--to", "loras")
    assert done.returncode == 1
    assert "is quarantined" in done.stderr
    assert comfypod.run("downloads", "accept", "ant.safetensors").returncode == 0
    assert (models / "loras/ant.safetensors").exists()


def test_a_wrong_hash_is_refused(comfypod: CommandLine, hub: Hub, ant: HubFile, models: Path) -> None:
    done = comfypod.run("download", hub.url_of(ant), "--to", "loras", "--sha256", "0" * 64)
    assert done.returncode == 1
    assert not (models / "loras/ant.safetensors").exists()


@pytest.mark.slow
def test_a_format_that_can_run_code_needs_consent(comfypod: CommandLine, hub: Hub) -> None:
    pickle = hub.add("acme/models", "old.ckpt", b"\x80\x02}q\x00.")
    wanted = ("download", hub.url_of(pickle), "--to", "checkpoints")
    refused = comfypod.run(*wanted)
    assert refused.returncode == 1
    assert "can run code" in refused.stderr
    assert "--allow-pickle" in refused.stderr
    assert comfypod.run(*wanted, "--allow-pickle").returncode == 0


@pytest.mark.slow
def test_a_repository_is_fetched_with_its_folders(comfypod: CommandLine, hub: Hub, models: Path) -> None:
    for number, path in enumerate(("unet/model.safetensors", "vae/model.safetensors")):
        hub.add("acme/diffuser", path, safetensors(SIZE, seed=number))
    hub.add("acme/diffuser", "old.ckpt", b"\x80\x02}q\x00.")
    wanted = ("download", "acme/diffuser", "--to", "diffusers/acme")
    one = comfypod.run(*wanted)
    assert (one.returncode, one.stderr.splitlines()[-1]) == (1, "To fetch them all: --all")
    all_of_it = comfypod.run(*wanted, "--all", "--keep-folders")
    assert all_of_it.returncode == 1
    assert all_of_it.stderr.startswith("old.ckpt: old.ckpt can run code when it is loaded.")
    root = models / "diffusers/acme"
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*.*")) == [
        "unet/model.safetensors",
        "vae/model.safetensors",
    ]


@pytest.mark.slow
def test_with_no_wait_the_control_plane_does_the_work(comfypod: CommandLine, hub: Hub, ant: HubFile) -> None:
    gate = hub.hold(ant)
    asked = comfypod.run("download", hub.url_of(ant), "--to", "loras", "--no-wait")
    assert asked.returncode == 0
    transfer_id, place = asked.stdout.strip().split("\t")
    assert place == "loras/ant.safetensors"
    gate.release()
    assert comfypod.run("downloads", "--live").returncode == 0
    assert json.loads(comfypod.run("downloads", "--json").stdout)[0]["id"] == transfer_id


@pytest.mark.slow
def test_a_command_waits_through_a_restart_of_the_control_plane(
    environment: dict[str, str], alone: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    gate = hub.hold(ant, after=SIZE // 2)
    wanted = ("download", hub.url_of(ant), "--to", "loras")
    with running_process(environment) as plane, alone.start(*wanted, COMFYPOD_URL=plane.url) as command:
        gate.wait_until_reached()
        plane.stop()
        gate.release()
        plane.start()
        output, complaints = command.communicate(timeout=60)
    assert (command.returncode, complaints) == (0, "")
    assert "done, verified" in output
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["download", "ftp://example.org/x.safetensors", "--to", "loras"], 1, "http"),
        (
            ["download", "https://huggingface.co/a/b/resolve/main/x.safetensors", "--to", "../etc"],
            1,
            "folder",
        ),
        (["download", "https://huggingface.co/a/b/resolve/main/x.safetensors"], 2, "--to"),
        (["download", "http://169.254.169.254/x.safetensors", "--to", "loras"], 1, "169.254.169.254"),
        (["download", "a/b", "--all", "--name", "x.safetensors"], 2, "--name"),
        (["presets", "show", "no-such-preset"], 1, "No preset named 'no-such-preset'"),
        (["presets", "install", PRESET, "no-such-preset"], 1, "No preset named 'no-such-preset'"),
        (["downloads", "--state", "asleep"], 1, "'queued'"),
        (["downloads", "cancel", "missing"], 1, "No download named 'missing'"),
        (["downloads", "cancel", ""], 1, "No download named ''"),
        (["downloads", "cancel"], 2, "WHICH"),
        (["downloads", "dance"], 2, "dance"),
        (["--nonsense"], 2, "--nonsense"),
    ],
    ids=str,
)
@pytest.mark.slow
def test_bad_arguments_are_refused_with_a_reason(
    comfypod: CommandLine, hub: Hub, arguments: list[str], code: int, sentence: str
) -> None:
    done = comfypod.run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert hub.requests == []
