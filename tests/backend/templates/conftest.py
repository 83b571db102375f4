"""One pod for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.support.templates_pod import Pod, running_pod


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    with running_pod(tmp_path_factory.mktemp("pod")) as pod:
        yield pod
