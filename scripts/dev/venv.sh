#!/usr/bin/env bash
# venv.sh runtime|agents|dev: creates .venv and installs one of the locks exactly as pinned, with hashes. Without --no-deps, pip up to
# 23.2 would resolve the lock again and fail on newer releases.
set -euo pipefail
cd "$(dirname "$0")/../.."
which=$1

if [[ ! -x .venv/bin/pip ]]; then
    if ! ${PYTHON:-python3} -m venv .venv 2>/dev/null; then
        rm -rf .venv
        if [[ $(id -u) != 0 ]]; then
            echo "Python's venv module is missing. Install it: sudo apt-get install python3-venv" >&2
            exit 1
        fi
        echo "installing python3-venv" >&2
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
        python3 -m venv .venv
    fi
fi

echo "installing requirements/$which.txt into .venv" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "requirements/$which.txt"
ln -sf ../../scripts/comfypod.sh .venv/bin/comfypod
touch ".venv/$which"
