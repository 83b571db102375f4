#!/usr/bin/env bash
# Installs the programs that tests need and PyPI does not have: Chromium, nginx and a few command line programs. Root
# installs them with apt; other users get a list of missing ones, and the tests that need them are skipped.
set -euo pipefail

declare -A package_of=([chromium]=chromium [nginx]=nginx-light [aria2c]=aria2 [curl]=curl [debootstrap]=debootstrap [cc]=build-essential [rclone]=rclone)

missing=()
for program in "${!package_of[@]}"; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi
if [[ $(id -u) != 0 ]]; then
    echo "tools: not installed: ${missing[*]}. Tests that need them are skipped; install them with apt." >&2
    exit 0
fi
echo "tools: installing ${missing[*]}" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
