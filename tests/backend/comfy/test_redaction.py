"""Secrets in what ComfyUI tells are hidden before anything is stored, shown or sent to a model."""

import time

import pytest

from backend.comfy.problems import read_problem
from backend.comfy.records import read_execution_error
from backend.comfy.redaction import (
    HIDDEN,
    LONGEST_TEXT,
    is_secret_name,
    redact_arguments,
    redact_inputs,
    redact_text,
)

SECRET = "0123456789abcdefABCDEF"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apiKey",
        "API_KEY",
        "openai_api_key",
        "apikey",
        "token",
        "hf_token",
        "accessToken",
        "password",
        "client_secret",
        "jwt",
        "Authorization",
        "session_id",
        "aws_secret_access_key",
        "private-key",
        "auth",
    ],
)
def test_a_name_of_a_secret_is_known(name: str) -> None:
    assert is_secret_name(name)
    assert redact_inputs({name: [SECRET]}) == ({name: [HIDDEN]}, [SECRET])


@pytest.mark.parametrize(
    "name",
    [
        "seed",
        "keyframe",
        "monkey",
        "keep_model",
        "text",
        "author",
        "tokenizer",
        "max_tokens",
        "filename_prefix",
        "",
    ],
)
def test_an_ordinary_name_is_left_alone(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token hf_{SECRET} is wrong", f"token {HIDDEN} is wrong"),
        (
            f"GET https://x.example/a?seed=1&api_key={SECRET}&b=2",
            f"GET https://x.example/a?seed=1&api_key={HIDDEN}&b=2",
        ),
        (f"https://user:{SECRET}@x.example/", f"https://{HIDDEN}@x.example/"),
        (f"Authorization: Bearer {SECRET}", f"Authorization: Bearer {HIDDEN}"),
        (f'{{"access_token": "{SECRET}"}}', f'{{"access_token": "{HIDDEN}"}}'),
        (f"eyJ{SECRET}.{SECRET}.{SECRET}", HIDDEN),
        (f"X-Amz-Signature={SECRET}", f"X-Amz-Signature={HIDDEN}"),
        ("a cat with a key on a token of love", "a cat with a key on a token of love"),
        ("KeyError: 'samples'", "KeyError: 'samples'"),
        ("expected 4 channels, got 16: mat1 and mat2", "expected 4 channels, got 16: mat1 and mat2"),
    ],
)
def test_secrets_in_a_text_are_hidden_and_the_rest_is_not(text: str, shown: str) -> None:
    assert redact_text(text) == shown


def test_secrets_deep_in_an_input_are_hidden() -> None:
    inputs, secrets = redact_inputs(
        {"config": [{"api_key": SECRET, "model": "x"}], "auth": {"user": "me-and-you"}}
    )
    assert inputs == {"config": [{"api_key": HIDDEN, "model": "x"}], "auth": {"user": HIDDEN}}
    assert secrets == [SECRET, "me-and-you"]


def test_a_secret_input_is_hidden_wherever_else_it_is_told() -> None:
    error = read_execution_error(
        {
            "exception_message": f"401: {SECRET} is not valid",
            "traceback": [f"  call({SECRET!r})\n"],
            "current_inputs": {"api_key": [SECRET], "prompt": ["a cat"]},
        }
    )
    assert error
    assert SECRET not in repr(error)
    assert error.inputs["prompt"] == ["a cat"]


def test_a_refused_secret_is_hidden() -> None:
    extra = {"input_name": "api_key", "received_value": SECRET}
    problem = read_problem(
        {"type": "invalid_input_type", "message": "no", "details": SECRET, "extra_info": extra}
    )
    assert SECRET not in repr(problem)


def test_a_secret_is_not_cut_in_two_where_a_text_is_shortened() -> None:
    text = "x" * (LONGEST_TEXT - 10) + f" hf_{SECRET}" + "y" * 10_000
    assert "hf_" not in redact_text(text)


def test_a_command_line_is_shown_without_secrets() -> None:
    given = [
        "main.py",
        "--port",
        "3000",
        "--api-key",
        SECRET,
        f"--auth-token={SECRET}",
        "--password",
        "--cpu",
    ]
    assert redact_arguments(given) == (
        *("main.py", "--port", "3000", "--api-key", HIDDEN, f"--auth-token={HIDDEN}", "--password", "--cpu"),
    )


@pytest.mark.parametrize(
    "unit",
    [
        "eyJa.",
        "eyJ",
        "eyJ eyJ",
        "://",
        "://a:",
        "token=",
        "a_",
        "a-b_key",
        "bearer ",
        "hf_",
        "?key",
        "Aa",
        "\u00e9",
        "=",
        '"',
    ],
)
def test_time_grows_with_the_length_of_a_text_and_no_faster(unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        began = time.process_time()
        for _ in range(3):
            redact_text(text)
            is_secret_name(text)
        return time.process_time() - began

    # Forty times the length: a quadratic pattern would take 1600 times as long.
    assert seconds(LONGEST_TEXT) < 200 * (seconds(LONGEST_TEXT // 40) + 0.001)
    assert len(redact_text("x" * 10_000_000)) == LONGEST_TEXT + 1
