#!/usr/bin/env bash
# Runs a command of the build with the build's secrets: a private certificate authority (`ca`) and the configuration of
# a package index (`pip-conf`, `uv-toml`). All three are optional, and none reaches a layer.
set -euo pipefail

secret() { printf '/run/secrets/%s' "$1"; }

if [[ -s $(secret ca) ]]; then
    SSL_CERT_FILE=$(secret ca)
    export SSL_CERT_FILE PIP_CERT=$SSL_CERT_FILE GIT_SSL_CAINFO=$SSL_CERT_FILE \
        NODE_EXTRA_CA_CERTS=$SSL_CERT_FILE REQUESTS_CA_BUNDLE=$SSL_CERT_FILE
fi
if [[ -s $(secret pip-conf) ]]; then
    PIP_CONFIG_FILE=$(secret pip-conf)
    export PIP_CONFIG_FILE
fi
if [[ -s $(secret uv-toml) ]]; then
    UV_CONFIG_FILE=$(secret uv-toml)
    export UV_CONFIG_FILE
fi

exec "$@"
