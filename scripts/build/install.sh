#!/usr/bin/env bash
# install.sh LOCK: installs the packages of a lock into the workspace's venv, verifies that torch is still the one that
# /locks/torch.txt pins, and links every new file into the spare copy, all in the layer of the calling RUN.
#
# A lock with hashes is complete; one without is a list of exact pins whose dependencies are resolved here.
# TORCH_INDEX is the index of the accelerator's torch builds, where it is not the default one.
set -euo pipefail
here=$(dirname "$0")

VENV=/workspace/venv
SPARE=/opt/spare
TORCH_LOCK=/locks/torch.txt
LOCK=$1
export PATH=$here:$PATH UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1

main() {
    [[ -d $VENV ]] || python3 -m venv --without-pip "$VENV"
    install_lock
    python3 "$here/opencv.py" "$VENV"
    python3 "$here/torch_set.py" check "$VENV" "$TORCH_LOCK"
    uv pip check --quiet --python "$VENV" || die "the locks contradict each other, see above"
    rm -f "$VENV/.lock" # uv's, of this run
    python3 "$here/hardlink_copy.py" "$VENV" "$SPARE/venv"
}

install_lock() {
    local options=()
    if grep --quiet -e '--hash=' "$LOCK"; then
        options=(--require-hashes --no-deps)
    fi
    if [[ $LOCK == "$TORCH_LOCK" && -n ${TORCH_INDEX:-} ]]; then
        options+=(--index "$TORCH_INDEX")
    fi
    uv pip install --python "$VENV" --find-links "$here/wheels" "${options[@]}" --requirement "$LOCK"
}

die() {
    echo "install.sh: $1" >&2
    exit 1
}

main
