"""Fail when a word is used that this project has replaced: one meaning, one word, and the field's word where there is one.

`python -m scripts.dev.vocabulary` checks every tracked file of ours; with paths, only those.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKED = (
    ".py",
    ".sql",
    ".html",
    ".js",
    ".css",
    ".md",
    ".sh",
    ".yaml",
    ".yml",
    ".toml",
    ".hcl",
    ".conf",
    ".txt",
)
SKIPPED = (
    "requirements/",
    "images/locks/",
    "frontend/static/vendor/",
    "frontend/static/css/",
    "images/nodes/",
)
SKIPPED_FILES = {
    "scripts/dev/vocabulary.py",
    "LICENSE",
    "frontend/package-lock.json",
    "images/accepted-vulnerabilities.txt",
}

# Word or phrase, as a regular expression, and what to write instead.
REPLACED = {
    # metaphors
    r"rooms?": "package, feature; disk space",
    r"doors?": "routes",
    r"desks?": "the service's own name",
    r"(?:on|common|firm) ground|class Ground": "dependencies",
    r"lanes?": "segment, connection",
    r"governors?": "bandwidth",
    r"whereabouts": "availability",
    r"misfits?": "ContentChanged",
    r"receipts?": "resume state",
    r"news": "event",
    r"houses?|pace": "package; rate limit, bandwidth",
    # one meaning, one word
    r"put aside|puts aside|putting aside|set aside|kept aside": "quarantined, or say what happened",
    r"goes on with|gone on with|go on with": "resumes",
    r"human_bytes|human_seconds|to_the_end|HeldElsewhere": "format_bytes, format_duration, run_to_completion, AlreadyRunning",
    r"plain_yaml": "safe_yaml",
    r"standing_alone|stands alone": "embedded control plane",
    # say who does it
    r"whoever|somebody|nobody|everybody": "name the caller, the user, the process; or turn the sentence round",
    r"of which": "split the sentence",
    r"(?:is|are|was|were|be|been|being) told": "the active sentence: the page shows, the hub reports",
}  # fmt: skip
FORBIDDEN = re.compile(
    "|".join(rf"(?P<w{number}>(?<![a-z0-9])(?:{word})(?![a-z0-9]))" for number, word in enumerate(REPLACED)),
    re.IGNORECASE,
)
ADVICE = tuple(REPLACED.values())


def main(arguments: list[str]) -> int:
    found = list(_findings(arguments or _tracked()))
    for finding in found:
        print(finding)
    if found:
        print(f"{len(found)} uses of words that were replaced. CONTRIBUTING.md says why.", file=sys.stderr)
    return 1 if found else 0


def _tracked() -> list[str]:
    return subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def _findings(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if path.endswith(CHECKED) and not path.startswith(SKIPPED) and path not in SKIPPED_FILES:
            yield from _findings_in(path)


def _findings_in(path: str) -> Iterator[str]:
    file = ROOT / path
    if not file.is_file():
        return
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        for match in FORBIDDEN.finditer(line):
            advice = ADVICE[int((match.lastgroup or "w0")[1:])]
            yield f"{path}:{number}: {match[0]!r}: write {advice}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
