"""The entrypoint's functions, sourced into bash the way its authors use them."""

import subprocess
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).parents[2] / "scripts" / "entrypoint.sh"


def bash(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"source {ENTRYPOINT}; {code}"],
        env={"PATH": "/usr/bin:/bin", **environment},
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
        ("true", "/no/program", "false"),
    ],
)
def test_a_service_runs_where_it_is_wanted_and_installed(wanted: str, program: str, answer: str) -> None:
    assert bash(f"enabled {wanted} {program}").stdout.strip() == answer


def test_an_unknown_time_zone_is_refused_with_an_example() -> None:
    done = bash("check_environment", TIME_ZONE="Mars/Olympus")
    assert done.returncode == 64
    assert "Europe/Berlin" in done.stderr


def test_an_endless_password_is_refused() -> None:
    done = bash("check_environment", ACCESS_PASSWORD="x" * 2000)
    assert done.returncode == 64
    assert "ACCESS_PASSWORD" in done.stderr


def test_a_command_is_run_instead_of_the_pod() -> None:
    done = subprocess.run(
        ["bash", str(ENTRYPOINT), "echo", "hello"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hello\n"


def test_what_an_earlier_life_left_behind_is_cleaned_up(tmp_path: Path) -> None:
    (tmp_path / "supervisord.pid").write_text("4711")
    done = bash('mkdir() { command mkdir -p "$RUN_DIR"; }; clean_up', RUN_DIR=str(tmp_path))
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
