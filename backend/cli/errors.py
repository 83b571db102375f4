"""Why a command fails: a sentence, what to do, and an exit code.

CommandError                1
├── Refused                 1     the control plane answered with an error
├── NoControlPlane          1     no control plane answers
├── NotSignedIn             1     the password or token is missing, wrong or expired
├── Incomplete              1     files did not arrive, or jobs did not succeed
├── Misused                 2     the arguments make no sense
└── Interrupted             130   Ctrl-C
"""

from string import Formatter
from typing import Any, ClassVar

# The next command, by the code of the API's error. `{cancel}` and the like are details of the error.
ADVICE = {
    "another_file": "To keep yours: comfypod presets keep. To fetch the right one: the same command with --replace",
    "destination_taken": "To stop that one: comfypod downloads cancel {id}",
    "file_exists": "Another name: --name NAME",
    "folder_needed": "That is --to FOLDER here.",
    "missing_models": "To download them and let the jobs wait: the same command with --download-models",
    "missing_nodes": "To see what it requires: comfypod templates show",
    "name_needed": "That is --name NAME here.",
    "not_found": "To see what exists: comfypod presets list, comfypod downloads",
    "out_of_space": "To free some: comfypod downloads cancel {cancel}",
    "pickle_unconfirmed": "If you do: the same command with --allow-pickle",
    "same_name": "To keep them: --keep-folders",
    "session_ended": "Take COMFYPOD_TOKEN out of the environment, or set a new one.",
    "several_files": "To fetch them all: --all",
    "unknown_input": "To see all inputs: comfypod templates show WORKFLOW --all",
    "wrong_state": "To see its state: comfypod downloads",
}


class CommandError(Exception):
    """Ends the command. The user reads the message."""

    exit_code: ClassVar[int] = 1


class Refused(CommandError):
    """The control plane answered with an error. Its message, and the next command where one is known."""

    def __init__(self, code: str, message: str, details: dict[str, Any]):
        advice = _advice(code, details)
        super().__init__(f"{message}\n{advice}" if advice else message)
        self.code = code


class NoControlPlane(CommandError):
    """No control plane answers, or the response is not one of its API."""


class NotSignedIn(CommandError):
    """The password or token is missing, wrong or expired."""


class Incomplete(CommandError):
    """Files did not arrive, or jobs did not succeed."""


class Misused(CommandError):
    """The arguments make no sense."""

    exit_code = 2


class Interrupted(CommandError):
    """The user pressed Ctrl-C; the message says what continues."""

    exit_code = 130


def _advice(code: str, details: dict[str, Any]) -> str:
    """Return the advice for an error, or nothing where a detail that it names is missing."""
    advice = ADVICE.get(code, "")
    values = {name: " ".join(value) if isinstance(value, list) else value for name, value in details.items()}
    named = [name for _, name, _, _ in Formatter().parse(advice) if name]
    return advice.format(**values) if all(values.get(name) for name in named) else ""
