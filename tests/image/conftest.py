"""Provides an engine, and builds each image once. Without an engine the tests are skipped with the reason."""

import os
import subprocess

import pytest

from tests.image.support.bake import ROOT, build_with_standins

NO_ENGINE = 3


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    made = subprocess.run([ROOT / "scripts/dev/engine.sh"], capture_output=True, text=True, check=False)
    if made.returncode == NO_ENGINE and not os.environ.get("REQUIRE_ALL"):
        pytest.skip(made.stderr.strip())
    if made.returncode != 0:
        pytest.fail(made.stderr.strip())


@pytest.fixture(scope="session")
def minimal_cpu(engine: None) -> str:
    """Return the name of `minimal-cpu`, built with stand-ins for ComfyUI and torch."""
    return build_with_standins("minimal-cpu")


@pytest.fixture(scope="session")
def standard_cpu(engine: None) -> str:
    return build_with_standins("standard-cpu")
