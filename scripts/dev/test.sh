#!/usr/bin/env bash
# Runs everything. Installs what it needs; with REQUIRE_ALL=1, as in CI, a skipped test fails.
#
# The suites run in their own processes, because the browser tests bring their own event loop. Browser and image tests
# run at the same time: the image tests mostly wait for containers.
set -euo pipefail
cd "$(dirname "$0")/../.."

part() { printf '\n=== %s\n' "$1"; }

# Without an engine the image tests are skipped; in CI that is a failure.
test_images() {
    local engine=0
    scripts/dev/engine.sh || engine=$?
    if ((engine == 0)); then
        pytest tests/image
    elif [[ -n ${REQUIRE_ALL:-} ]]; then
        echo "No container engine is available, and REQUIRE_ALL is set." >&2
        return 1
    else
        echo "image tests skipped: no container engine, and no root to install one"
    fi
}

part "tools"
scripts/dev/tools.sh

part "linters, types, contracts"
ruff format --check .
ruff check .
mypy
lint-imports
python -m scripts.dev.vocabulary
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
scripts/dev/frontend.sh lint
scripts/dev/frontend.sh check

part "control plane and scripts"
pytest --numprocesses 4 --cov --cov-report= tests/backend tests/scripts tests/stand_ins tests/nginx
coverage report

part "browser and images"
images=$(mktemp)
test_images >"$images" 2>&1 &
images_pid=$!
browser_result=0 images_result=0
pytest tests/e2e || browser_result=$?
wait $images_pid || images_result=$?
part "images"
cat "$images"
rm "$images"
((browser_result == 0 && images_result == 0))
