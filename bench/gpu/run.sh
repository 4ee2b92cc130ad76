#!/bin/sh
# Measures Marimba and the authors' PyTorch code on this machine's GPU; --help lists the options. In a checkout, it uses the
# checkout and its Node.js. Beside the parts that pack.sh made, it unpacks them once, and needs no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -f "$here/SHA256SUMS" ]; then
  kit=$here/kit
  if ! cmp -s "$here/SHA256SUMS" "$kit/SHA256SUMS"; then
    if [ -e "$kit" ]; then
      echo "$kit was not unpacked from the parts beside it. Move it away, with any results in it." >&2
      exit 1
    fi
    (cd "$here" && sha256sum --quiet --check SHA256SUMS) || {
      echo "A part of the packed folder is missing or damaged; copy the folder again." >&2
      exit 1
    }
    work=$(mktemp -d "$here/unpacking.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    cat "$here"/kit.tgz.part-* | tar -xzf - -C "$work"
    cp "$here/SHA256SUMS" "$work/kit"
    mv -T "$work/kit" "$kit"
    rmdir "$work"
    trap - EXIT HUP INT TERM
  fi
  root=$kit/marimba
  node=$kit/node
  MARIMBA_COMMIT=$(cat "$kit/commit")
else
  root=$(cd "$here/../.." && pwd)
  node=node
  MARIMBA_COMMIT=$(git -C "$root" describe --always --dirty --exclude='*' 2>/dev/null || echo unknown)
  (cd "$root" && npm run --silent build)
fi
export MARIMBA_COMMIT
exec "$node" --import "$root/bench/typescript.js" "$root/bench/gpu/main.ts" "$@"
