"""`python -m deploy.cdk.app OPTIONS [CODE]`: all stacks of one environment; the CDK runs it.

CODE: what deploy/build_function.sh made, or deploy/build_collector.sh where the options say `fargate`.
"""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from deploy.cdk.footfall_aws.client_role import ClientRole
from deploy.cdk.footfall_aws.collect import Collect
from deploy.cdk.footfall_aws.collect_tasks import CollectTasks
from deploy.cdk.footfall_aws.machine import Machine
from deploy.cdk.footfall_aws.options import Options, load
from deploy.cdk.footfall_aws.storage import Storage
from footfall.clients import registry_of
from footfall.errors import FootfallError
from footfall.retention.rules import Retention
from footfall.settings import Settings

FOLDER = Path(__file__).resolve().parent


def build(
    app: cdk.App, options: Options, code: Path, retention: Sequence[Retention] = (), **more: object
) -> dict[str, cdk.Stack]:
    """The stacks of one environment, with AWS's own list of good practice as a check of each.

    `code`: of the function, or the context of the collector's image. `retention`: of all clients.
    """
    collect = CollectTasks if options.collection == "fargate" else Collect
    name = f"Footfall-{options.environment}"
    storage = Storage(app, f"{name}-Storage", options, retention, **more)
    stacks = {
        "storage": storage,
        "collect": collect(app, f"{name}-Collect", options, storage, code, **more),
        "machine": Machine(app, f"{name}-Machine", options, storage, **more),
        "client": ClientRole(app, "Footfall-ClientRole"),
    }
    for each in (stacks["storage"], stacks["collect"], stacks["machine"]):  # the fourth is of no environment
        cdk.Tags.of(each).add("footfall", options.environment)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return stacks


def client_template(template: Mapping[str, object]) -> str:
    """What a client gives to CloudFormation: deploy/cdk/client-role.json."""
    return json.dumps(template, indent=2, sort_keys=True) + "\n"


def snapshot(template: Mapping[str, object]) -> str:
    """A template as tests keep it: what depends on the folders of a machine has no value."""
    text = json.dumps(template, indent=1, sort_keys=True)
    return re.sub(r"\b[0-9a-f]{64}\b", "HASH", text) + "\n"


def main() -> int:
    """See the module."""
    try:
        options = load(Path(sys.argv[1]))
        settings = Settings.from_environ(os.environ)
        clients = list(registry_of(settings).clients)
        misfits = options.misfits(clients)
        if misfits:
            raise FootfallError("; ".join(misfits))
    except FootfallError as error:
        sys.stderr.write(f"deploy/cdk: {error}\n")
        return 1
    app = cdk.App(outdir=os.environ.get("CDK_OUTDIR", str(FOLDER / "cdk.out")))
    folder = "collector" if options.collection == "fargate" else "function"
    code = Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER.parent / "build" / folder
    where = cdk.Environment(
        account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")
    )
    stacks = build(app, options, code, [each.retention for each in clients], env=where)
    made = app.synth()
    template = made.get_stack_by_name(stacks["client"].stack_name).template
    (FOLDER / "client-role.json").write_text(client_template(template))
    return 0


if __name__ == "__main__":
    sys.exit(main())
