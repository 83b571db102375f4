"""What every suite shares: a skip is a failure where everything is required, and which tests start programs."""

import os
from types import ModuleType

import pytest
from hypothesis import settings

# How long one example takes says something about the machine only.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# No test asks the real registry of custom nodes; those that need one start their own.
os.environ["COMFY_REGISTRY_URL"] = "http://127.0.0.1:9"

REQUIRE_ALL = bool(os.environ.get("REQUIRE_ALL"))
# What starts a control plane, a ComfyUI, a command or a server.
STARTERS = {
    "subprocess",
    "tests.backend.comfy_api.conftest",
    "tests.scripts.conftest",
    "tests.support.command_line",
    "tests.support.comfyui.process",
    "tests.support.control_plane",
    "tests.support.process",
    "tests.support.supervisor",
    "tests.support.templates_pod",
}
STARTING_FIXTURES = {"comfyui", "hub", "pod"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of modules that start programs, so that `make check` can leave them out."""
    for item in items:
        if isinstance(item, pytest.Function) and _starts_programs(item):
            item.add_marker("program")


def _starts_programs(test: pytest.Function) -> bool:
    used = vars(test.module).values()
    origins = {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
        for value in used
    }
    return bool(STARTERS & origins) or bool(STARTING_FIXTURES & set(test.fixturenames))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and REQUIRE_ALL is set: {report.longrepr}"
    return report
