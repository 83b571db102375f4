"""ComfyUI's command line."""

import fcntl
import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from backend.config.values import yes
from scripts.workspace.accelerator import Verdict
from scripts.workspace.layout import Layout, Place
from scripts.workspace.model_paths import ModelPaths
from scripts.workspace.node_packages import nodes_in
from scripts.workspace.report import Problem, Report

PORT = 3000
# ComfyUI's own default of 100 MB refuses most videos.
DEFAULT_UPLOAD_MB = 10_000.0
# The first lines of ComfyUI's main.py.
READ_ARGUMENTS = "import comfy.options; comfy.options.enable_args_parsing(); import comfy.cli_args"
ARGPARSE_ERROR = 2
PARSER_SECONDS = 30
IN_MEMORY = "sqlite:///:memory:"
# ComfyUI exits at once where a package that an argument needs is missing. Modules, and the package to install.
NEEDED_BY_ARGUMENT = {
    "--use-sage-attention": (("sageattention", "triton"), "sageattention"),
    "--use-flash-attention": (("flash_attn",), "flash-attn"),
    "--directml": (("torch_directml",), "torch-directml"),
}
# Prints those that cannot be found. Nothing is imported, because that takes seconds.
FIND_MODULES = "import sys, importlib.util as u; print(*(n for n in sys.argv[1:] if u.find_spec(n) is None))"
# argparse accepts abbreviations; a shorter one would fit several arguments.
SHORTEST_ABBREVIATION = len("--use-s")


def command(
    layout: Layout,
    place: Place,
    verdict: Verdict,
    paths: ModelPaths,
    *,
    database: str = IN_MEMORY,
    selection: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> list[str]:
    """Return the arguments, program first.

    ComfyUI uses the last of two values, so arguments that the owner must not change follow theirs.
    """
    # ComfyUI reads the user's own model paths beside its main.py, also when they are broken.
    main = layout.spare / "ComfyUI" / "main.py" if paths.own_is_replaced else place.main
    return [
        str(place.venv / "bin" / "python"),
        str(main),
        *("--temp-directory", str(layout.of_this_pod)),
        *extra,
        # A request that bypasses nginx bypasses the sign-in.
        *("--listen", "127.0.0.1", "--port", str(PORT)),
        *("--base-directory", str(place.base)),
        *("--database-url", database),
        *("--extra-model-paths-config", *map(str, paths.configs)),
        "--enable-manager",
        *(["--cpu"] if verdict.kind == "cpu" else []),
        *selection,
    ]


def database_of(place: Place, report: Report) -> str:
    """Return the database on the volume, which outlives the pod, or one in memory while another pod uses that.

    ComfyUI locks the database while it runs, and some versions exit at once where it is locked.
    """
    file = place.base / "user" / "comfyui.db"
    try:
        with file.with_name(f"{file.name}.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        report.note(
            "Another pod uses ComfyUI's database on this volume, so this pod has its own in memory. Names and tags that "
            "you give to files here are lost with the pod; the files are not."
        )
        return IN_MEMORY
    except OSError:
        pass  # there is none yet, or a file system without locks
    return f"sqlite:///{file}"


def with_choice_of_owner(environment: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """Replace SAFE_MODE by the owner's choice on the page since the pod started."""
    try:
        chosen = json.loads((layout.run / "safe-mode.json").read_bytes())["safe_mode"]
    except (OSError, ValueError, KeyError, TypeError):
        return dict(environment)
    return {**environment, "SAFE_MODE": "1" if chosen is True else "0"}


def safe_mode(environment: Mapping[str, str]) -> bool:
    try:
        return yes(environment.get("SAFE_MODE", ""))
    except ValueError:  # the overview says so
        return False


def node_selection(
    place: Place, paths: ModelPaths, environment: Mapping[str, str], left_out: frozenset[str]
) -> list[str]:
    """Return the arguments that choose custom nodes: none in safe mode, otherwise all but those left out."""
    if safe_mode(environment):
        return ["--disable-all-custom-nodes"]
    if not left_out:
        return []
    folders = [*place.custom_nodes, *([paths.baked_nodes] if paths.baked_nodes else [])]
    loaded = sorted({node.name for folder in folders for node in nodes_in(folder)} - left_out)
    return ["--disable-all-custom-nodes", *(["--whitelist-custom-nodes", *loaded] if loaded else [])]


def upload_limit(environment: Mapping[str, str], report: Report) -> list[str]:
    """Return the argument for the largest file that ComfyUI takes, in megabytes."""
    written = environment.get("MAX_UPLOAD_MB", "").strip()
    try:
        limit = float(written or DEFAULT_UPLOAD_MB)
    except ValueError:
        limit = 0
    if not 0 < limit < float("inf"):
        report.note(
            f"MAX_UPLOAD_MB is not a number of megabytes, so {DEFAULT_UPLOAD_MB:.0f} is used. Correct it."
        )
        limit = DEFAULT_UPLOAD_MB
    return ["--max-upload-size", f"{limit:g}"]


def extra_arguments(environment: Mapping[str, str], report: Report) -> list[str]:
    """Return COMFYUI_EXTRA_ARGS, split as a shell would."""
    try:
        return shlex.split(environment.get("COMFYUI_EXTRA_ARGS", ""))
    except ValueError as error:
        report.problem(_ignored(f"it cannot be read ({error})", "Close every quotation mark"))
        return []


def with_packages(extra: Sequence[str], place: Place, report: Report) -> list[str]:
    """Return the extra arguments without those whose package is missing, and name these in the report."""
    needed = {word: name for word in extra if (name := _needing_packages(word))}
    modules = [module for name in needed.values() for module in NEEDED_BY_ARGUMENT[name][0]]
    missing = _missing_modules(modules, place) if modules else frozenset()
    kept = []
    for word in extra:
        lacking = [module for module in _modules_of(needed.get(word)) if module in missing]
        if lacking:
            report.problem(_left_out(word, NEEDED_BY_ARGUMENT[needed[word]][1], lacking))
        else:
            kept.append(word)
    return kept


def _needing_packages(word: str) -> str | None:
    if len(word) < SHORTEST_ABBREVIATION:
        return None
    return next((name for name in NEEDED_BY_ARGUMENT if name.startswith(word.partition("=")[0])), None)


def _modules_of(argument: str | None) -> tuple[str, ...]:
    return NEEDED_BY_ARGUMENT[argument][0] if argument else ()


def _missing_modules(modules: Sequence[str], place: Place) -> frozenset[str]:
    """Return the modules that ComfyUI's environment lacks; none if it does not say."""
    python = str(place.venv / "bin" / "python")
    try:
        done = subprocess.run(
            [python, "-c", FIND_MODULES, *modules],
            capture_output=True,
            text=True,
            timeout=PARSER_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return frozenset()
    return frozenset(done.stdout.split())


def _left_out(argument: str, package: str, lacking: Sequence[str]) -> Problem:
    return Problem(
        code="extra_arguments",
        message=f"{argument} of COMFYUI_EXTRA_ARGS is left out. Missing Python modules: {', '.join(lacking)}.",
        remedy=f"Run `pip install {package}` in a terminal of the pod and restart ComfyUI, or remove the argument.",
    )


def refused(command: Sequence[str], layout: Layout, report: Report) -> bool:
    """Ask ComfyUI's own parser, which knows the arguments that exclude each other, about this command line."""
    python, _, *arguments = command
    try:
        done = subprocess.run(
            [python, "-c", READ_ARGUMENTS, *arguments],
            cwd=layout.spare / "ComfyUI",
            capture_output=True,
            text=True,
            timeout=PARSER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode != ARGPARSE_ERROR:
        return False
    complaint = done.stderr.strip().rpartition("error: ")[2]
    report.problem(_ignored(f"ComfyUI refuses it ({complaint})", "Correct it"))
    return True


def _ignored(why: str, remedy: str) -> Problem:
    return Problem(
        code="extra_arguments",
        message=f"COMFYUI_EXTRA_ARGS is ignored, because {why}.",
        remedy=f"{remedy} and start the pod again.",
    )


def write_manager_defaults(place: Place, report: Report) -> None:
    """Configure ComfyUI-Manager as a personal cloud behind a proxy. A file of the owner stays as it is."""
    path = place.base / "user" / "__manager" / "config.ini"
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[default]\nnetwork_mode = personal_cloud\nuse_uv = True\n")
    except OSError as error:
        report.note(
            f"ComfyUI-Manager uses its own defaults, because {path} cannot be written: {error.strerror}."
        )
