#!/usr/bin/env bash
# Runs before every commit: linters, types, contracts, and the tests that need only Python and, where it is installed, nginx.
set -euo pipefail
cd "$(dirname "$0")/../.."

ruff format --check .
ruff check .
mypy
lint-imports
python -m scripts.dev.vocabulary
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
scripts/dev/frontend.sh lint
pytest -q --numprocesses 4 -m "not slow" tests/backend tests/scripts tests/stand_ins tests/nginx
