#!/usr/bin/env bash
# Runs before every commit: linters, types, contracts, and the tests that need only Python and, where it is installed, nginx.
set -euo pipefail
cd "$(dirname "$0")/../.."

source scripts/dev/temporary_files.sh

scripts/dev/lint.sh
pytest -q --numprocesses 4 --dist worksteal -m "not slow" tests/backend tests/scripts tests/stand_ins tests/nginx
