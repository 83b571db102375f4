#!/usr/bin/env bash
# Runs everything. Installs what it needs; with REQUIRE_ALL=1, as in CI, a skipped test fails.
#
# The suites run in their own processes, because the browser tests bring their own event loop. Browser and image tests
# run at the same time: the image tests mostly wait for containers. All suites run, whatever the first ones find, and
# the list of failed tests comes last.
set -euo pipefail
cd "$(dirname "$0")/../.."

output=$(mktemp -d)
trap 'rm -r "$output"' EXIT

part() { printf '\n=== %s\n' "$1"; }

# Without an engine the image tests are skipped; in CI that is a failure.
test_images() {
    local engine=0
    scripts/dev/engine.sh || engine=$?
    if ((engine == 0)); then
        # Containers are to meet a real disk.
        env --unset=PYTEST_DEBUG_TEMPROOT pytest tests/image
    elif [[ -n ${REQUIRE_ALL:-} ]]; then
        echo "ERROR No container engine is available, and REQUIRE_ALL is set."
        return 1
    else
        echo "image tests skipped: no container engine, and no root to install one"
    fi
}

part "tools"
scripts/dev/tools.sh

part "linters, types, contracts"
scripts/dev/lint.sh
scripts/dev/frontend.sh check

result=0
source scripts/dev/temporary_files.sh
part "control plane and scripts"
pytest --numprocesses 4 --dist worksteal tests/backend tests/scripts tests/stand_ins tests/nginx 2>&1 | tee "$output/control-plane" || result=$?

part "browser and images"
test_images >"$output/images" 2>&1 &
images=$!
pytest tests/e2e 2>&1 | tee "$output/browser" || result=$?
wait $images || result=$?
part "images"
cat "$output/images"

part "result"
if ((result != 0)); then
    grep --no-filename -E '^(FAILED|ERROR) ' "$output"/* || true
    echo "Some tests failed."
    exit 1
fi
echo "All tests passed."
