#!/usr/bin/env bash
# code_server.sh LOCK: installs code-server from npm with the Node that it needs, in /opt/code-server. Its native modules
# are compiled here, so that the image carries the result and not the compiler's cache. LOCK pins Node.
set -euo pipefail

HOME_DIR=/opt/code-server
VERSION=4.139.1
# Of the package on npm. It contains the lock (npm-shrinkwrap.json) of all its dependencies, with hashes.
SHA512=7d462f255773e19a1525f6a41a21965c532917c2b539bb2ba46bd7d7b67136928ecdd347b3b940353ebbd094ebe19840f039d6ab2bef9851bf7771d5f58cba7b
PACKAGE=$HOME_DIR/lib/code-server

uv venv --quiet "$HOME_DIR/node"
uv pip install --quiet --python "$HOME_DIR/node" --no-deps --require-hashes --requirement "$1"
export PATH=$HOME_DIR/node/bin:$PATH
# Native modules are compiled against the headers of this Node; node-gyp would download them otherwise.
npm_config_nodedir=$(dirname "$(find "$HOME_DIR/node/lib" -type d -path '*/include/node' -prune -exec dirname {} \;)")
export npm_config_nodedir

if [[ -s /run/secrets/npmrc ]]; then
    export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc
fi
cd "$(mktemp -d)"
npm pack --silent "code-server@$VERSION" >/dev/null
sha512sum --check --quiet <<<"$SHA512  code-server-$VERSION.tgz"
mkdir -p "$PACKAGE" "$HOME_DIR/bin"
tar --extract --no-same-owner --strip-components 1 --directory "$PACKAGE" --file "code-server-$VERSION.tgz"
# Only `ci`, run inside the package, follows its lock; its install script then does the same for the editor's packages.
npm --prefix "$PACKAGE" ci --omit=dev --no-fund --no-audit --loglevel error

# Only compiling needs these.
rm -rf "$npm_config_nodedir/include" "$npm_config_nodedir/lib/node_modules"
find "$PACKAGE" -type d -name obj.target -prune -exec rm -rf {} +

# This Node is not on a pod's PATH.
cat >"$HOME_DIR/bin/code-server" <<EOF
#!/bin/sh
exec "$npm_config_nodedir/bin/node" "$PACKAGE/out/node/entry.js" "\$@"
EOF
chmod 755 "$HOME_DIR/bin/code-server"
env --ignore-environment PATH=/usr/bin:/bin "$HOME_DIR/bin/code-server" --version
