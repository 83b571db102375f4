"""Removes secrets from a support bundle: known ones, and texts that look like one."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backend.comfy.redaction import HIDDEN, is_secret_name, redact_text

MIN_SECRET_LENGTH = 6


class Cleaner:
    """`clean` masks known secrets; `environment` may contain more."""

    def __init__(self, clean: Callable[[str], str], secrets: Iterable[str], environment: Mapping[str, str]):
        self._clean = clean
        hidden = {*secrets, *(value for name, value in environment.items() if is_secret_name(name))}
        self._secrets = sorted(
            (secret for secret in hidden if len(secret) >= MIN_SECRET_LENGTH), key=len, reverse=True
        )

    def text(self, text: str) -> str:
        return redact_text(self._clean(text), self._secrets)

    def lines(self, lines: Iterable[str]) -> str:
        return "".join(f"{self.text(line)}\n" for line in lines)

    def value(self, value: Any, name: str = "") -> Any:
        """Return JSON data with every text cleaned, before it is encoded: an encoded secret looks different."""
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(each, str(key)) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(each, name) for each in value]
        if not isinstance(value, str):
            return value
        return HIDDEN if value and is_secret_name(name) else self.text(value)
