#!/bin/sh
# `deploy/deploy.sh dev|prod [synth]`: the stacks of deploy/cdk into the account of your AWS credentials. May be
# given again: what is as it should be stays. `synth` writes the templates alone, and needs no account.
# Wants node, and AWS credentials; the first time in an account and region: `npx aws-cdk@2 bootstrap`.
set -eu
cd "$(dirname "$0")/.."
environment=${1:-}
case "$environment" in
  dev | prod) ;;
  *) echo "usage: deploy/deploy.sh dev|prod [synth]" >&2; exit 2 ;;
esac
command -v node >/dev/null 2>&1 || { echo "deploy.sh: node is missing; the CDK runs in it" >&2; exit 1; }
python=${PYTHON_WITH_CDK:-.venv/bin/python}
if ! "$python" -c "import aws_cdk" 2>/dev/null; then
  make -s setup
  .uv/bin/uv sync --frozen --quiet --group cdk --no-python-downloads
fi
options=deploy/cdk/$environment.yaml
case "$(sed -n 's/^collection: *"\{0,1\}\([a-z]*\).*/\1/p' "$options")" in
  fargate)
    made=deploy/build/collector
    deploy/build_collector.sh ${2:+context} ;;
  *)
    made=deploy/build/function
    deploy/build_function.sh ;;
esac
app="$python -m deploy.cdk.app $options $made"
if [ "${2:-}" = synth ]; then
  CDK_OUTDIR=deploy/build/cdk.out $app
  ls deploy/build/cdk.out/*.template.json
else
  npx --yes aws-cdk@2 deploy --app "$app" --require-approval broadening "Footfall-$environment-*"
fi
