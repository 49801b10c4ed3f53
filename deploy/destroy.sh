#!/bin/sh
# `deploy/destroy.sh dev|prod`: takes the collector and the machine down, after asking. What holds data stays: the stack with
# lake and backup bucket, and in prod the machine's disk and a snapshot of the database. Delete it by hand once nobody wants it.
set -eu
cd "$(dirname "$0")/.."
environment=${1:-}
case "$environment" in
  dev | prod) ;;
  *) echo "usage: deploy/destroy.sh dev|prod" >&2; exit 2 ;;
esac
command -v node >/dev/null 2>&1 || { echo "destroy.sh: node is missing; the CDK runs in it" >&2; exit 1; }
printf 'This ends collecting and delivering of %s. Its buckets stay. Type %s to go on: ' "$environment" "$environment"
read -r answer || answer=
[ "$answer" = "$environment" ] || { echo "nothing was done"; exit 1; }
python=${PYTHON_WITH_CDK:-.venv/bin/python}
if ! "$python" -c "import aws_cdk" 2>/dev/null; then
  make -s setup
  .uv/bin/uv sync --frozen --quiet --group cdk --no-python-downloads
fi
# What is taken down needs no code, and a folder for it.
code=$(mktemp -d)
trap 'rm -rf "$code"' EXIT
echo "FROM scratch" > "$code/Dockerfile"
app="$python -m deploy.cdk.app deploy/cdk/$environment.yaml $code"
npx --yes aws-cdk@2 destroy --force --app "$app" "Footfall-$environment-Machine" "Footfall-$environment-Collect" || {
  echo "destroy.sh: not all of it was taken down. In prod the database of the layout larger is protected: take that off first" >&2
  echo "(aws rds modify-db-instance --no-deletion-protection --apply-immediately --db-instance-identifier …), then again" >&2
  exit 1
}
echo "kept: the stack Footfall-$environment-Storage with its buckets and their key"
