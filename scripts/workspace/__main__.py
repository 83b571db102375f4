"""`python -m scripts.workspace prepare` prepares the workspace; `… comfyui` does so and then becomes ComfyUI.

`… after-hooks` runs the user's hooks once ComfyUI listens. `… provision [again]` applies the provisioning document beside
ComfyUI.
"""

import os
import signal
import sys
from collections.abc import Mapping

from scripts.provision.source import source_from
from scripts.workspace.accelerator import image_from, judge, probe
from scripts.workspace.hooks import BEFORE, Hooks, run_after_hooks, start_after_hooks
from scripts.workspace.install import install_environment, install_packages
from scripts.workspace.launch import (
    PORT,
    command,
    database_of,
    extra_arguments,
    node_selection,
    refused,
    safe_mode,
    upload_limit,
    with_choice_of_owner,
    with_packages,
    write_manager_defaults,
)
from scripts.workspace.layout import Layout, Place, layout_from
from scripts.workspace.model_paths import write_model_paths
from scripts.workspace.persistence import make_paths_persistent
from scripts.workspace.prepare import prepare
from scripts.workspace.report import Report, write_json
from scripts.workspace.shell import write_profile

# 128 and the signal's number, as a shell would say.
TERMINATED = 128 + signal.SIGTERM


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that locks are released
    layout = layout_from(os.environ)
    if arguments == ["after-hooks"]:
        run_after_hooks(Hooks(layout, os.environ), PORT)
        return 0
    if arguments[:1] == ["provision"]:
        return provision_beside(layout, again=arguments[1:] == ["again"])
    write_profile(layout, None, os.environ, Report(folder=layout.run))
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
    variables: dict[str, str] = {}
    if not safe_mode(environment):
        left_out = install_packages(layout, place, environment, report)
        variables = provision(layout, place, environment, report)
    environment |= variables
    write_manager_defaults(place, report)
    write_profile(layout, place, {**os.environ, **variables}, report, also=variables)
    make_paths_persistent(layout, place, report)
    paths = write_model_paths(layout, place, environment, report)
    selection = node_selection(place, paths, environment, left_out)
    upload = upload_limit(environment, report)
    extra = with_packages(extra_arguments(environment, report), place, report)
    database = database_of(place, report)
    arguments = command(
        layout, place, verdict, paths, database=database, selection=selection, extra=[*upload, *extra]
    )
    if extra and refused(arguments, layout, report):
        arguments = command(
            layout, place, verdict, paths, database=database, selection=selection, extra=upload
        )
    if not safe_mode(environment):
        run_hooks(layout, environment)
    os.chdir(place.base)
    os.execve(arguments[0], arguments, environment)  # noqa: S606 - no shell is what we want


def provision(layout: Layout, place: Place, environment: Mapping[str, str], report: Report) -> dict[str, str]:
    """Apply the provisioning document, if there is one, and return its variables that the pod does not have."""
    source = source_from(layout.workspace, environment)
    if source is None:
        return {}
    from scripts.provision.run import Provisioning  # noqa: PLC0415 - most pods have no document

    return Provisioning(layout, place, environment, report.begin).run(source)


def provision_beside(layout: Layout, *, again: bool) -> int:
    """Apply the provisioning document while ComfyUI runs, which has to be restarted to see a change."""
    source = source_from(layout.workspace, os.environ)
    if source is None:
        return 1
    from scripts.provision.run import provision_now  # noqa: PLC0415 - as above

    return provision_now(layout, source, os.environ, again=again)


def run_hooks(layout: Layout, environment: Mapping[str, str]) -> None:
    """Run the user's own scripts: some now, others once ComfyUI listens."""
    hooks = Hooks(layout, environment)
    hooks.begin()
    hooks.run(BEFORE)
    start_after_hooks(layout, hooks, environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
