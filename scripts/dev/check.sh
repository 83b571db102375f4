#!/usr/bin/env bash
# Runs before every commit, in under a minute: linters, types, contracts, and the tests that start no program.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/dev/temporary_files.sh

scripts/dev/lint.sh
pytest -q --numprocesses 2 --dist worksteal -m "not slow and not program" tests/backend tests/scripts tests/stand_ins
