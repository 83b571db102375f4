"""What a command ends with when it cannot do what was asked: a sentence, what to do, and an exit code.

CommandError                1
├── Refused                 1     the control plane answered with an error
├── NoControlPlane          1     nobody answers, or nobody who speaks our language
├── NotSignedIn             1     nobody here knows the password
├── NotFetched              1     files that were waited for did not arrive
├── Misused                 2     the command makes no sense as it was given
└── Interrupted             130   Ctrl-C
"""

from string import Formatter
from typing import Any, ClassVar

# What to type next, by the code of the API's error. `{cancel}` and the like are its details.
ADVICE = {
    "another_file": "To fetch it all the same: the same command with --replace",
    "destination_taken": "To stop that one: comfypod downloads cancel {id}",
    "file_exists": "Another name: --name NAME",
    "folder_needed": "That is --to FOLDER here.",
    "name_needed": "That is --name NAME here.",
    "not_found": "What there is: comfypod presets list, comfypod downloads",
    "out_of_space": "To free some: comfypod downloads cancel {cancel}",
    "pickle_unconfirmed": "If you do: the same command with --allow-pickle",
    "same_name": "To keep them: --keep-folders",
    "session_ended": "Take COMFYPOD_TOKEN out of the environment, or set a new one.",
    "several_files": "To fetch them all: --all",
    "wrong_state": "How it stands: comfypod downloads",
}


class CommandError(Exception):
    """Ends the command; the message is for a person."""

    exit_code: ClassVar[int] = 1


class Refused(CommandError):
    """The control plane's own sentence, and what to type next where that is known."""

    def __init__(self, code: str, message: str, details: dict[str, Any]):
        advice = _advice(code, details)
        super().__init__(f"{message}\n{advice}" if advice else message)
        self.code = code


class NoControlPlane(CommandError):
    """Nobody answers, or not as a control plane does."""


class NotSignedIn(CommandError):
    """Nobody here knows the password."""


class NotFetched(CommandError):
    """Files that were waited for did not arrive."""


class Misused(CommandError):
    """The command makes no sense as it was given."""

    exit_code = 2


class Interrupted(CommandError):
    """Somebody pressed Ctrl-C; the message says what goes on without them."""

    exit_code = 130


def _advice(code: str, details: dict[str, Any]) -> str:
    """Nothing where the API does not tell what the advice is about."""
    advice = ADVICE.get(code, "")
    words = {name: " ".join(value) if isinstance(value, list) else value for name, value in details.items()}
    named = [name for _, name, _, _ in Formatter().parse(advice) if name]
    return advice.format(**words) if all(words.get(name) for name in named) else ""
