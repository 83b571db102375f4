#!/usr/bin/env bash
# Linters, types, import contracts and vocabulary: everything that reads the sources without running them.
set -euo pipefail
cd "$(dirname "$0")/../.."

ruff format --check .
ruff check .
mypy
lint-imports
python -m scripts.dev.vocabulary
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
scripts/dev/frontend.sh lint
