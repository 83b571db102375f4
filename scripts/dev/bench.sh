#!/usr/bin/env bash
# Runs every benchmark; each prints ratios and writes benchmarks/out/NAME.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p benchmarks/out

for benchmark in benchmarks/*.py; do
    name=$(basename "$benchmark" .py)
    [[ $name == __init__ ]] || python -m "benchmarks.$name"
done
