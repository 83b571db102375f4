"""What services write reaches the container's log: whole, in order, without secrets."""

import pytest

from scripts.supervisor.container_log import LONGEST_LINE_BYTES, ContainerLog


class Recorder:
    def __init__(self, *secrets: str):
        self.written = b""
        self.log = ContainerLog(self._write, secrets)

    def _write(self, text: bytes) -> None:
        self.written += text


@pytest.fixture
def record() -> Recorder:
    return Recorder("correct horse", "1")


def test_two_services_never_cut_into_each_others_lines(record: Recorder) -> None:
    record.log.add("comfyui", b"loading mo")
    record.log.add("dashboard", b"request\n")
    record.log.add("comfyui", b"dels\nready")
    assert record.written == b"request\nloading models\n"


def test_the_last_words_of_a_service_that_died_are_kept(record: Recorder) -> None:
    record.log.add("comfyui", b"Segmentation fault")
    record.log.finish("comfyui")
    record.log.finish("comfyui")
    assert record.written == b"Segmentation fault\n"


def test_a_progress_bar_moves_although_its_line_does_not_end(record: Recorder) -> None:
    record.log.add("comfyui", b"\r 10%|#  |\r 20%|")
    assert record.written == b"\r 10%|#  |\r"


def test_a_line_without_an_end_is_not_kept_for_ever(record: Recorder) -> None:
    record.log.add("comfyui", b"x" * (LONGEST_LINE_BYTES + 1))
    assert len(record.written) == LONGEST_LINE_BYTES + 1


def test_a_secret_that_is_told_later_is_masked_from_then_on(record: Recorder) -> None:
    record.log.hide(["correct horse battery", "hf_later"])
    record.log.add("comfyui", b"correct horse battery, correct horse, hf_later\n")
    assert record.written == b"***, ***, ***\n"


def test_a_secret_is_masked_also_when_it_arrives_in_two_pieces(record: Recorder) -> None:
    record.log.add("comfyui", b"password 1 is correct ho")
    record.log.add("comfyui", b"rse battery\n")
    assert record.written == b"password 1 is *** battery\n"
