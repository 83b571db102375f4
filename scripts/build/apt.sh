#!/usr/bin/env bash
# apt.sh LIST: installs the Debian packages that a list file names, without recommends and without leftovers.
# The package archive and index are cache mounts of the build, so no file of apt stays in the layer.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
rm -f /etc/apt/apt.conf.d/docker-clean

mapfile -t packages < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1")
apt-get -q update
apt-get -q install --yes --no-install-recommends "${packages[@]}"

# Each pod generates its own host keys; keys in the image would be shared by all pods.
rm -rf /etc/ssh/ssh_host_* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache \
    /usr/share/doc/* /usr/share/man/*
