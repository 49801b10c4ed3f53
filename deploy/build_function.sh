#!/bin/sh
# The folder of the collector as a function: deploy/build/function, for Python 3.13 on ARM64, packages of the lock file.
# Client files are those of FOOTFALL_CLIENTS, ./clients unless told.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.uv/bin/uv}
out=deploy/build/function
rm -rf "$out"
mkdir -p "$out/pixel"
"$uv" export --quiet --frozen --only-group collector --no-emit-project --no-hashes -o deploy/build/packages.txt
"$uv" pip install --quiet --target "$out" --python-platform aarch64-manylinux_2_28 --python-version 3.13 \
  --only-binary :all: --no-deps -r deploy/build/packages.txt
cp -r footfall collector "$out/"
cp -r pixel/dist "$out/pixel/"
cp -r "${FOOTFALL_CLIENTS:-clients}" "$out/clients"
find "$out" -name __pycache__ -type d -prune -exec rm -rf {} +
echo "$out: $(du -sm "$out" | cut -f1) MB (a function may have 250)"
