#!/usr/bin/env bash
# Everything. Installs what it needs; with REQUIRE_ALL=1, as in CI, nothing may be skipped.
#
# The suites run one after the other in processes of their own: the browser tests bring their own event loop.
set -euo pipefail
cd "$(dirname "$0")/../.."

part() { printf '\n=== %s\n' "$1"; }

part "tools"
scripts/dev/tools.sh

part "linters, types, contracts"
ruff format --check .
ruff check .
mypy
lint-imports
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
scripts/dev/frontend.sh lint
scripts/dev/frontend.sh check

part "control plane and scripts"
pytest --numprocesses 4 --cov --cov-report= tests/backend tests/scripts tests/stand_ins tests/nginx
coverage report

part "browser"
pytest tests/e2e

part "images"
engine=0
scripts/dev/engine.sh || engine=$?
if ((engine == 0)); then
    pytest tests/image
elif [[ -n ${REQUIRE_ALL:-} ]]; then
    echo "There is no container engine, and REQUIRE_ALL is set." >&2
    exit 1
else
    echo "image tests skipped: no container engine, and no root to install one"
fi
