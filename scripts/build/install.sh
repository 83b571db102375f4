#!/usr/bin/env bash
# install.sh LOCK...: installs locked packages into the workspace's venv, proves that torch is still the one the
# image was built for, and gives every new file its twin in the spare, all in the layer of the calling RUN.
#
# A lock with hashes is complete; one without is a list of exact pins whose dependencies are resolved here.
# TORCH_LOCK is the lock of the accelerator's torch set, TORCH_INDEX where its builds come from if not from PyPI.
set -euo pipefail
here=$(dirname "$0")

VENV=/workspace/venv
SPARE=/opt/spare

main() {
    [[ -d $VENV ]] || python3 -m venv --without-pip "$VENV"
    local lock
    for lock in "$@"; do
        install_lock "$lock"
    done
    python3 "$here/opencv.py" "$VENV"
    python3 "$here/torch_set.py" check "$VENV" "$TORCH_LOCK"
    uv pip check --quiet --python "$VENV" || die "the locks contradict one another, see above"
    rm -f "$VENV/.lock" # uv's, of this run
    python3 "$here/twin.py" "$VENV" "$SPARE/venv"
}

install_lock() {
    local options=()
    if grep --quiet -e '--hash=' "$1"; then
        options=(--require-hashes --no-deps)
    fi
    if [[ $1 == "$TORCH_LOCK" && -n ${TORCH_INDEX:-} ]]; then
        options+=(--index "$TORCH_INDEX")
    fi
    uv pip install --python "$VENV" --find-links /wheels "${options[@]}" --requirement "$1"
}

die() {
    echo "install.sh: $1" >&2
    exit 1
}

main "$@"
