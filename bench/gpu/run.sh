#!/bin/sh
# Measures Marimba and the authors' PyTorch code on this machine's GPU; --help lists the options. In a checkout, it uses the
# checkout and its Node.js. Beside the parts that pack.sh made, it unpacks them once, and needs no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -f "$here/SHA256SUMS" ]; then
  if [ ! -f "$here/kit/complete" ]; then
    (cd "$here" && sha256sum --quiet --check SHA256SUMS) || {
      echo "A part of the packed folder is missing or damaged; copy the folder again." >&2
      exit 1
    }
    rm -rf "$here/kit"
    cat "$here"/kit.tgz.part-* | tar -xzf - -C "$here"
    touch "$here/kit/complete"
  fi
  root=$here/kit/marimba
  node=$here/kit/node
else
  root=$(cd "$here/../.." && pwd)
  node=node
  (cd "$root" && npm run --silent build)
fi
exec "$node" --import "$root/bench/typescript.js" "$root/bench/gpu/main.ts" "$@"
