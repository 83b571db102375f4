#!/usr/bin/env bash
# Compiles the Python locks. They contain hashes and no index address, so they install behind any mirror.
set -euo pipefail
cd "$(dirname "$0")/../.."

compile=(uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate
         --custom-compile-command "make lock" --no-emit-index-url --no-emit-find-links --upgrade --quiet)

"${compile[@]}" --output-file requirements/runtime.txt
"${compile[@]}" --group agents --constraint requirements/runtime.txt --output-file requirements/agents.txt
"${compile[@]}" --group dev --constraint requirements/agents.txt --output-file requirements/dev.txt
