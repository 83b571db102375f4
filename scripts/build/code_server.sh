#!/usr/bin/env bash
# code_server.sh LOCKS: code-server from npm with the Node it was made for, in /opt/code-server. Its native modules are
# compiled here, so that the image carries the result and not the compiler's cache.
set -euo pipefail

HOME_DIR=/opt/code-server
VERSION=4.139.1

uv venv --quiet "$HOME_DIR/node"
uv pip install --quiet --python "$HOME_DIR/node" --require-hashes --requirement "$1/node.txt"
export PATH=$HOME_DIR/node/bin:$PATH

if [[ -s /run/secrets/npmrc ]]; then
    export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc
fi
npm install --global --prefix "$HOME_DIR" --no-fund --no-audit --loglevel error "code-server@$VERSION"
"$HOME_DIR/bin/code-server" --version
