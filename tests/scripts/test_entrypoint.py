"""The entrypoint's functions, sourced into bash the way its authors use them."""

import subprocess
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).parents[2] / "scripts" / "entrypoint.sh"


def bash(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"source {ENTRYPOINT}; {code}"],
        env={"PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("wanted", "program", "answer"),
    [
        ("true", "/bin/sh", "true"),
        ("Yes", "/bin/sh", "true"),
        ("false", "/bin/sh", "false"),
        ("False", "/bin/sh", "false"),
        ("0", "/bin/sh", "false"),
        ("no", "/bin/sh", "false"),
        ("true", "/no/program", "false"),
    ],
)
def test_a_service_runs_where_it_is_wanted_and_installed(wanted: str, program: str, answer: str) -> None:
    assert bash(f"enabled {wanted} {program}").stdout.strip() == answer


@pytest.mark.parametrize(
    ("workspace", "path"),
    [("/workspace", "/workspace/venv:/usr/bin"), ("/data", "/data/venv:/data/venv/bin:/usr/bin")],
)
def test_shells_and_tools_meet_the_environment_of_a_workspace_that_was_moved(
    workspace: str, path: str
) -> None:
    image = {"VIRTUAL_ENV": "/workspace/venv", "PATH": "/usr/bin"}
    done = bash("follow_workspace; echo $VIRTUAL_ENV:$PATH", **image, WORKSPACE=workspace)
    assert done.stdout.strip() == path


def test_a_worker_has_no_shells() -> None:
    done = bash(
        "check_environment; enabled true /bin/sh; set_up_ssh; echo $SSH_ENABLED",
        MODE="Worker",
        PUBLIC_KEY="ssh-ed25519 A",
    )
    assert done.stdout.split() == ["false", "false"]


def test_an_unknown_mode_is_refused() -> None:
    done = bash("check_environment", MODE="headless")
    assert (done.returncode, "Use worker" in done.stderr) == (64, True)


def test_an_unknown_time_zone_is_refused_with_an_example() -> None:
    done = bash("check_environment", TIME_ZONE="Mars/Olympus")
    assert done.returncode == 64
    assert "Europe/Berlin" in done.stderr


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("{{ RUNPOD_SECRET_comfypod_password }}", "unset"),
        ("{{RUNPOD_SECRET_a}}", "unset"),
        ("{{ mustache }}", "{{ mustache }}"),
        ("", ""),
    ],
)
def test_a_placeholder_of_runpod_is_no_password(value: str, kept: str) -> None:
    done = bash('drop_unfilled_secrets; echo "${ACCESS_PASSWORD-unset}"', ACCESS_PASSWORD=value)
    assert done.stdout == f"{kept}\n"
    assert ("Create it in the console under Secrets" in done.stderr) == (kept == "unset")


def test_a_command_is_run_instead_of_the_pod() -> None:
    done = subprocess.run(
        ["bash", str(ENTRYPOINT), "echo", "hello"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hello\n"


def clean_up(run: Path) -> subprocess.CompletedProcess[str]:
    folders = {"RUN_DIR": run, "LOG_DIR": run.parent / "log", "STATE_DIR": run.parent / "state"}
    return bash("clean_up", **{name: str(path) for name, path in folders.items()})


def test_files_of_an_earlier_run_are_cleaned_up(tmp_path: Path) -> None:
    assert clean_up(tmp_path / "run").returncode == 0
    (tmp_path / "run/supervisord.pid").write_text("4711")
    (tmp_path / "run/comfyui-session.reboot").touch()
    assert clean_up(tmp_path / "run").returncode == 0
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".comfypod-run"]


def test_a_folder_with_other_files_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    done = clean_up(tmp_path)
    assert done.returncode == 64
    assert "Choose an empty folder" in done.stderr
    assert (tmp_path / "photo.png").exists()


def choose_listeners(listeners: Path, addresses: Path) -> subprocess.CompletedProcess[str]:
    code = f"NGINX_IPV6={listeners} IPV6_ADDRESSES={addresses}; choose_listeners"
    return bash(code, COMFYPOD=str(ENTRYPOINT.parents[1]))


def test_nginx_listens_on_ipv6_where_the_kernel_has_it(tmp_path: Path) -> None:
    listeners, addresses = tmp_path / "ipv6", tmp_path / "if_inet6"
    assert choose_listeners(listeners, addresses).returncode == 0
    assert not listeners.exists()
    addresses.touch()
    for _ in range(2):  # the container is started again
        assert choose_listeners(listeners, addresses).returncode == 0
        assert (listeners / "8001.conf").read_text() == "listen [::]:8001;\n"


def test_a_container_that_cannot_be_written_serves_ipv4(tmp_path: Path) -> None:
    done = choose_listeners(tmp_path / "missing" / "ipv6", ENTRYPOINT)
    assert done.returncode == 0
    assert "The ports are open on IPv4 only" in done.stderr
