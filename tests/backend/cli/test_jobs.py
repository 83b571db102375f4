"""A user runs workflows from a shell."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.comfyui.graphs import node, picture, through
from tests.support.command_line import CommandLine
from tests.support.control_plane import PASSWORD
from tests.support.templates_pod import Pod, running_pod
from tests.support.workflows import png, text_chunk

pytestmark = pytest.mark.slow  # each test starts the command several times

# Of different kinds; tests/backend/jobs/test_templates.py runs more of them through the API.
OFFICIAL = (
    "image_z_image_turbo",
    "flux_fill_inpaint_example",
    "video_wan_vace_14B_t2v",
    "audio_stable_audio_example",
    "3d_hunyuan3d-v2.1",
    "llm_qwen3vl_text_gen",
)


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    with running_pod(tmp_path_factory.mktemp("pod"), OFFICIAL) as pod:
        for name in OFFICIAL:
            pod.install_models(f"official:{name}")
        yield pod


@pytest.fixture
def comfypod(pod: Pod, tmp_path: Path) -> CommandLine:
    variables = {"COMFYPOD_URL": pod.plane.url, "ACCESS_PASSWORD": PASSWORD, "COMFYPOD_TOKEN": ""}
    (tmp_path / "square.json").write_text(json.dumps(picture(5)))
    return CommandLine(variables, tmp_path)


@pytest.fixture
def paused(pod: Pod) -> Iterator[None]:
    pod.http.post("/api/jobs/pause")
    yield
    for job in pod.http.get("/api/jobs/queue", params={"limit": 1000}).json():
        pod.http.post(f"/api/jobs/{job['id']}/cancel")
    pod.http.post("/api/jobs/resume")


def ids(done: "subprocess.CompletedProcess[str]") -> list[str]:
    assert done.returncode == 0, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def test_official_templates_run_and_their_outputs_arrive(comfypod: CommandLine, tmp_path: Path) -> None:
    for name in OFFICIAL:
        done = comfypod.run("run", name, "--out", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].endswith("succeeded")
        assert any(path.stat().st_size for path in (tmp_path / name).iterdir())


def test_a_picture_of_this_machine_is_uploaded_and_loaded(
    comfypod: CommandLine, pod: Pod, tmp_path: Path
) -> None:
    (tmp_path / "cat.png").write_bytes(png())
    graph = picture()
    graph["1"] = node("LoadImage", image="example.png")
    (tmp_path / "edit.json").write_text(json.dumps(graph))
    done = comfypod.run("run", "edit.json", "--set", "1.image=@cat.png", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    (job,) = json.loads(done.stdout)
    name = job["values"]["1.image"]
    assert (job["state"], name[:4]) == ("succeeded", "cat-")
    assert (pod.workspace / "ComfyUI/input" / name).read_bytes() == png()
    gone = comfypod.run("run", "edit.json", "--set", "1.image=@dog.png")
    assert (gone.returncode, "dog.png is not a file of this machine" in gone.stderr) == (1, True)


def test_a_grid_of_a_file_is_waited_for_and_nothing_is_overwritten(
    comfypod: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/square.png").write_text("mine")
    arguments = ("run", "square.json", "--set", "1.color=1..3", "--grid", "width=8,16", "--out", "out")
    done = comfypod.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    jobs = json.loads(done.stdout)
    assert [job["cell"] for job in jobs[:2]] == [{"1.color": 1, "width": "8"}, {"1.color": 1, "width": "16"}]
    assert {job["source"] for job in jobs} == {"cli"}
    assert len(list((tmp_path / "out").glob("*.png"))) == 7
    assert (tmp_path / "out/square.png").read_text() == "mine"
    assert not list((tmp_path / "out").glob(".*"))


def test_a_picture_that_comfyui_saved_runs_again(comfypod: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "seen.png").write_bytes(png(text_chunk("prompt", picture(6))))
    assert comfypod.run("run", "seen.png", "--wait").returncode == 0


def test_a_row_of_a_file_is_a_job(comfypod: CommandLine, tmp_path: Path, paused: None) -> None:
    (tmp_path / "rows.csv").write_text("\ufeff1.color,width\n1,8\n2,\n")
    queued = comfypod.run("run", "square.json", "--from", "rows.csv", "--priority", "10", "--name", "row")
    assert len(ids(queued)) == 2
    jobs = json.loads(comfypod.run("jobs", "ls", "--queue", "--json").stdout)
    assert [(job["name"], job["priority"]) for job in jobs] == [("row", 10)] * 2
    assert [job["values"] for job in jobs] == [{"1.color": 1, "1.width": 8}, {"1.color": 2}]


def test_a_job_that_fails_is_explained(comfypod: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text(json.dumps(through("TestFail", message="no such colour")))
    done = comfypod.run("run", "broken.json", "--wait")
    assert done.returncode == 1
    assert "no such colour" in done.stderr
    command = done.stderr.strip().splitlines()[-1].partition("comfypod ")[2].split()
    logs = comfypod.run(*command)
    assert "attempt 1: failed" in logs.stdout
    assert "Traceback" in logs.stdout or "no such colour" in logs.stdout


def test_the_queue_is_controlled(comfypod: CommandLine, paused: None) -> None:
    batch = json.loads(comfypod.run("run", "square.json", "--set", "1.color=1..2", "--json").stdout)
    (other,) = ids(comfypod.run("run", "square.json", "--name", "other"))
    first, second = (job["id"] for job in batch["jobs"])
    assert ids(comfypod.run("jobs", "ls", "--queue")) == [first, second, other]
    ids(comfypod.run("jobs", "move", other[:13], "--first"))
    assert ids(comfypod.run("jobs", "ls", "--queue")) == [other, first, second]
    ids(comfypod.run("jobs", "next", second))
    assert ids(comfypod.run("jobs", "ls", "--queue")) == [second, other, first]
    ids(comfypod.run("jobs", "priority", "900", batch["batch_id"]))
    assert ids(comfypod.run("jobs", "ls", "--queue")) == [other, first, second]
    shown = comfypod.run("jobs", "show", batch["batch_id"], "other").stdout
    assert "1.color\t1, 2" in shown
    assert ids(comfypod.run("jobs", "cancel", batch["batch_id"], "other")) == [batch["batch_id"], other]
    assert ids(comfypod.run("jobs", "ls", "--queue")) == []
    assert ids(comfypod.run("jobs", "retry", first)) == [first]
    assert batch["batch_id"] in ids(comfypod.run("jobs", "batches"))


def test_pausing_says_how_to_go_on(comfypod: CommandLine) -> None:
    assert "comfypod jobs resume" in comfypod.run("jobs", "pause").stderr
    assert "The queue is paused." in comfypod.run("jobs", "ls").stderr
    assert comfypod.run("jobs", "resume").returncode == 0


def test_ctrl_c_leaves_the_jobs_running(comfypod: CommandLine, pod: Pod, paused: None) -> None:
    with comfypod.terminal(
        "run", "square.json", "--set", "1.color=1..2", "--wait", to_be_stopped=True
    ) as terminal:
        terminal.wait_for("0 of 2 jobs")
        terminal.interrupt()
        terminal.wait_for("The jobs continue. To look again: comfypod jobs watch")
        assert terminal.exit_code() == 130
    assert pod.http.get("/api/jobs/status").json()["counts"]["queued"] == 2


def test_a_terminal_shows_the_jobs_until_they_are_over(comfypod: CommandLine) -> None:
    with comfypod.terminal("run", "square.json", "--set", "1.color=11..13", "--wait") as terminal:
        terminal.wait_for("3 of 3 jobs")
        assert "3 succeeded" in terminal.text
        assert terminal.exit_code() == 0


def test_templates_are_listed_shown_added_and_removed(comfypod: CommandLine) -> None:
    assert "official:image_z_image_turbo" in ids(comfypod.run("templates", "ls", "z-image", "turbo"))
    shown = comfypod.run("templates", "show", "image_z_image_turbo").stdout
    assert "prompt\t" in shown
    (added,) = ids(comfypod.run("templates", "add", "square.json", "--title", "My square"))
    assert comfypod.run("run", "My square", "--wait").returncode == 0
    assert comfypod.run("templates", "remove", added).returncode == 0
    assert "No template matches." in comfypod.run("templates", "ls", "--source", "uploaded").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "no-such-template"), 1, "There is no template `no-such-template`"),
        (("run", "square.json", "--set", "no_such=1"), 1, "comfypod templates show"),
        (("run", "square.json", "--set", "width=wide"), 1, "must be of type integer"),
        (("run", "square.json", "--set", "1.color=1..100000"), 1, "at most 10,000"),
        (("run", "square.json", "--set", "width"), 2, "NAME=VALUE"),
        (("run", "square.json", "--from", "no-such.csv"), 1, "cannot be read"),
        (("run", "square.json", "--priority", "0"), 2, "priority"),
        (("jobs", "show", "no-such-job"), 1, "No job or batch named"),
        (("jobs", "ls", "--queue", "--state", "failed"), 2, "omit the other filters"),
        (("templates", "add", "no-such.json"), 1, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_explained(
    comfypod: CommandLine, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = comfypod.run(*arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_a_workflow_of_50_mb_is_refused_here(comfypod: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "huge.json").write_bytes(b'{"a": "' + b"x" * 50_000_000 + b'"}')
    done = comfypod.run("run", "huge.json")
    assert done.returncode == 1
    assert "MB" in done.stderr
