"""`python -m scripts.workspace prepare`: make the workspace ready. `… comfyui`: that, and then become ComfyUI."""

import os
import signal
import sys

from scripts.workspace.accelerator import image_from, judge, probe
from scripts.workspace.install import bring_back_packages, install_environment
from scripts.workspace.kept import keep
from scripts.workspace.launch import (
    command,
    database_of,
    extra_arguments,
    node_selection,
    refused,
    safe_mode,
    with_choice_of_owner,
    write_manager_defaults,
)
from scripts.workspace.layout import Layout, Place, layout_from
from scripts.workspace.model_paths import write_model_paths
from scripts.workspace.prepare import prepare
from scripts.workspace.report import Report, write_json

# 128 and the signal's number, as a shell would say.
TERMINATED = 128 + signal.SIGTERM


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that locks are given back
    layout = layout_from(os.environ)
    report, place = prepare(layout)
    if place is None:
        return 1
    print(f"workspace: ready in {report.seconds} s ({report.case})", flush=True)
    if arguments == ["comfyui"]:
        become_comfyui(layout, place, report)
    return 0


def become_comfyui(layout: Layout, place: Place, report: Report) -> None:
    verdict = judge(image_from(layout.facts()), probe)
    write_json(layout.run / "accelerator.json", verdict.as_json())
    print(f"accelerator: {verdict.message}", flush=True)
    environment = with_choice_of_owner(install_environment(place, os.environ), layout)
    left_out: frozenset[str] = frozenset()
    if not safe_mode(environment):
        left_out = bring_back_packages(layout, place, environment, report)
    write_manager_defaults(place, report)
    keep(layout, place, report)
    paths = write_model_paths(layout, place, environment, report)
    selection = node_selection(place, paths, environment, left_out)
    extra = extra_arguments(environment, report)
    database = database_of(place, report)
    arguments = command(layout, place, verdict, paths, database=database, selection=selection, extra=extra)
    if extra and refused(arguments, layout, report):
        arguments = command(layout, place, verdict, paths, database=database, selection=selection)
    os.chdir(place.base)
    os.execve(arguments[0], arguments, environment)  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
