#!/usr/bin/env bash
# code_server.sh LOCKS: code-server from npm with the Node it was made for, in /opt/code-server. Its native modules are
# compiled here, so that the image carries the result and not the compiler's cache.
set -euo pipefail

HOME_DIR=/opt/code-server
VERSION=4.139.1

uv venv --quiet "$HOME_DIR/node"
uv pip install --quiet --python "$HOME_DIR/node" --require-hashes --requirement "$1/node.txt"
export PATH=$HOME_DIR/node/bin:$PATH
# Native modules are compiled against the headers of that very Node; node-gyp would download them otherwise.
npm_config_nodedir=$(dirname "$(find "$HOME_DIR/node/lib" -type d -path '*/include/node' -prune -exec dirname {} \;)")
export npm_config_nodedir

if [[ -s /run/secrets/npmrc ]]; then
    export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc
fi
npm install --global --prefix "$HOME_DIR" --no-fund --no-audit --loglevel error "code-server@$VERSION"

# What only compiling needs.
rm -rf "$npm_config_nodedir/include" "$npm_config_nodedir/lib/node_modules"
find "$HOME_DIR/lib" -type d -name obj.target -prune -exec rm -rf {} +

# npm's launcher looks for `node` on the PATH, which a pod does not have.
rm "$HOME_DIR/bin/code-server"
cat >"$HOME_DIR/bin/code-server" <<EOF
#!/bin/sh
exec "$npm_config_nodedir/bin/node" "$HOME_DIR/lib/node_modules/code-server/out/node/entry.js" "\$@"
EOF
chmod 755 "$HOME_DIR/bin/code-server"
env --ignore-environment PATH=/usr/bin:/bin "$HOME_DIR/bin/code-server" --version
