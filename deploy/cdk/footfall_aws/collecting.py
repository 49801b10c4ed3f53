"""What both forms of collection may do to the lake, and how long their logs stay."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from deploy.cdk.footfall_aws.granting import Grant, explain, grant
from deploy.cdk.footfall_aws.options import Options
from deploy.cdk.footfall_aws.storage import Storage

#: Days → what CDK calls them.
_DAYS = {
    1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS", 30: "ONE_MONTH",
    60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS", 150: "FIVE_MONTHS", 180: "SIX_MONTHS",
    365: "ONE_YEAR",
}  # fmt: skip
#: What a function needs: events and the salts of days, put and read back, and the version of the lake.
_FUNCTION = ("raw/*", "salts/*")
#: What a collector that goes on needs besides: records of destroyed salts, hours that it closed, what shows
#: whether the lake can be written, and the lake's version where there is none.
_GOING_ON = ("destroyed-salts/*", "closed/*", "probe/*", "_footfall.json")


def log_group(stack: cdk.Stack, options: Options, name: str) -> logs.LogGroup:
    """The log of the collector."""
    return logs.LogGroup(
        stack,
        "Log",
        log_group_name=name,
        retention=logs.RetentionDays[_DAYS[options.logDays]],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


def grant_collecting(
    stack: cdk.Stack, role: iam.Role, storage: Storage, options: Options, *, goes_on: bool
) -> None:
    """Statements of the lake, and those of the options file. `goes_on`: it closes hours, destroys salts."""
    lake = storage.arn_of("lake")
    below = "Names of objects are made of hours and hashes."
    puts = (*_FUNCTION, *(_GOING_ON if goes_on else ()))
    reads = (*_FUNCTION, "_footfall.json")
    grants = {
        "PutEventsAndSalts": Grant(("s3:PutObject",), tuple(f"{lake}/{part}" for part in puts), below),
        "ReadThemBackAndTheVersion": Grant(
            ("s3:GetObject",), tuple(f"{lake}/{part}" for part in reads), below
        ),
        "SeeWhatIsThere": Grant(
            ("s3:ListBucket",), (lake,), "S3 says of a missing key that it is forbidden."
        ),
        "SealWithTheKey": Grant(
            ("kms:GenerateDataKey", "kms:Decrypt"), (storage.key.key_arn,), "the lake's key"
        ),
    }
    if goes_on:
        removes = (f"{lake}/salts/*", f"{lake}/probe/*")
        grants["DestroyOldSalts"] = Grant(("s3:DeleteObject",), removes, below)
    grant(stack, role, grants)
    for statement in options.additionalPolicies:
        role.add_to_policy(iam.PolicyStatement.from_json(statement))
        named = statement.get("Resource", [])
        explain(stack, tuple([named] if isinstance(named, str) else named), "as the options file says")


def collector_environment(options: Options, storage: Storage) -> dict[str, str]:
    """Settings that both forms have. None is a secret."""
    return {
        "FOOTFALL_LAKE": f"s3://{storage.name_of('lake')}",
        "FOOTFALL_CORS_ORIGINS": options.corsOrigin,
        "FOOTFALL_ENVIRONMENT": options.environment,
        "FOOTFALL_LOG_FORMAT": "json",
    }
