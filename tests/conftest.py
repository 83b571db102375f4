"""What every suite shares: a skip is a failure where everything is required."""

import os

import pytest
from hypothesis import settings

# How long one example takes says something about the machine only.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REQUIRE_ALL = bool(os.environ.get("REQUIRE_ALL"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and REQUIRE_ALL is set: {report.longrepr}"
    return report
