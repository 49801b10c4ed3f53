#!/bin/sh
# `deploy/destroy.sh dev|prod`: takes the collector and the machine down, after asking. The stack that holds data (lake
# and backup bucket) stays: empty its buckets and delete it by hand once nobody wants them.
set -eu
cd "$(dirname "$0")/.."
environment=${1:-}
case "$environment" in
  dev | prod) ;;
  *) echo "usage: deploy/destroy.sh dev|prod" >&2; exit 2 ;;
esac
printf 'This ends collecting and delivering of %s. Its buckets stay. Type %s to go on: ' "$environment" "$environment"
read -r answer
[ "$answer" = "$environment" ] || { echo "nothing was done"; exit 1; }
python=${PYTHON_WITH_CDK:-.venv/bin/python}
app="$python -m deploy.cdk.app deploy/cdk/$environment.yaml"
npx --yes aws-cdk@2 destroy --force --app "$app" "Footfall-$environment-Machine" "Footfall-$environment-Collect"
echo "kept: the stack Footfall-$environment-Storage with its buckets and their key"
