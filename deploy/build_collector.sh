#!/bin/sh
# `deploy/build_collector.sh [context]`: the context of the collector's image with client files, deploy/build/collector, and the
# image that it begins with, for ARM64; with `context` not the image, which wants an engine.
# Client files are those of FOOTFALL_CLIENTS, ./clients unless told.
set -eu
cd "$(dirname "$0")/.."
out=deploy/build/collector
rm -rf "$out"
mkdir -p "$out"
cp deploy/collector.Dockerfile "$out/Dockerfile"
cp -r "${FOOTFALL_CLIENTS:-clients}" "$out/clients"
# Whoever makes it may have a narrow umask; the collector is user 10001.
chmod -R a+rX "$out/clients"
if [ "${1:-}" != context ]; then
  docker build --platform linux/arm64 -f deploy/Dockerfile --target collector -t footfall-collector:latest .
fi
echo "$out: $(find "$out/clients" -name '*.yaml' | wc -l) client files"
