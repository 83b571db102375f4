"""Takes secrets out of what ComfyUI tells about nodes, so that it can be stored, shown and sent to a model."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

HIDDEN = "[hidden]"
LONGEST_TEXT = 20_000
# So that none is cut in two where a text is shortened, and a half of it left.
LONGEST_SECRET = 5_000
# Each is looked for in every text about the node.
MOST_SECRETS = 50
# A shorter value also occurs in ordinary text, where replacing it would only confuse.
SHORTEST_SECRET = 6

SECRET_WORDS = {
    *("token", "secret", "password", "passwd", "passphrase", "credential", "credentials"),
    *("auth", "authorization", "bearer", "cookie", "jwt", "apikey"),
}
SECRET_PAIRS = {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("session", "id")}
# Splits `comfyApiKey`, `api-key` and `API_KEY` alike.
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# The first group of each is kept. Every repetition is bounded, so each takes linear time on any text.
SECRET_TEXTS = (
    re.compile(r"()\b(?:hf_|sk-|ghp_|github_pat_|comfyui-|AKIA|AIza|cpk_|rpa_)[A-Za-z0-9_-]{12,200}"),
    re.compile(r"()\bwhsec_[A-Za-z0-9+/=]{12,200}"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{0,1000}"),
    re.compile(r"(://)[^/\s@:]{0,100}:[^/\s@]{1,200}(?=@)"),
    re.compile(r"(?i)(\bbearer )[^\s\"',]{6,4000}"),
    re.compile(
        r"(?i)(\b(?:[a-z]{1,20}[-_]){0,2}(?:key|token|secret|password|signature|sig)[\"']?[=:]\s{0,4}[\"']?)[^&\s\"'<>]{4,4000}"
    ),
)


def is_secret_name(name: str) -> bool:
    words = [word.lower() for word in WORD.findall(name[:200])]
    return any(word in SECRET_WORDS for word in words) or any(
        pair in SECRET_PAIRS for pair in pairwise(words)
    )


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text`, shortened if it is very long, without `secrets` and what looks like one."""
    shortened = text[: LONGEST_TEXT + LONGEST_SECRET]
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            shortened = shortened.replace(secret, HIDDEN)
    for pattern in SECRET_TEXTS:
        shortened = pattern.sub(rf"\1{HIDDEN}", shortened)
    return shortened if len(text) <= LONGEST_TEXT else f"{shortened[:LONGEST_TEXT]}…"


def redact_inputs(inputs: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the inputs of a node without secrets, and the secrets that were in them."""
    secrets: list[str] = []
    return {name: _redact(name, value, secrets) for name, value in inputs.items()}, secrets


def _redact(name: str, value: Any, secrets: list[str], depth: int = 0) -> Any:
    if isinstance(value, (list, tuple)) and depth < 10:
        return [_redact(name, each, secrets, depth + 1) for each in value[:100]]
    if isinstance(value, dict) and depth < 10:
        return {str(key): _redact(f"{name} {key}", each, secrets, depth + 1) for key, each in value.items()}
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    text = str(value)
    if text and is_secret_name(name):
        if len(secrets) < MOST_SECRETS:
            secrets.append(text)
        return HIDDEN
    return redact_text(text)


def redact_arguments(arguments: Iterable[str]) -> tuple[str, ...]:
    """Return a command line without the values of options that are named after secrets."""
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        option, equals, _ = argument.partition("=")
        is_option = option.startswith("-")
        if is_option and equals and is_secret_name(option):
            shown.append(f"{option}={HIDDEN}")
        else:
            shown.append(HIDDEN if hide_next and not is_option else redact_text(argument))
        hide_next = is_option and not equals and is_secret_name(option)
    return tuple(shown)
