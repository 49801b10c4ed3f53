"""The AWS templates, synthesised without an account: what they promise, and a list of good practice."""

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from support.repository import ROOT

from footfall.errors import FootfallError
from footfall.retention.rules import Retention

cdk = pytest.importorskip("aws_cdk", reason="the AWS templates need `uv sync --group cdk`")
pytest.importorskip("cdk_nag")
pytestmark = pytest.mark.proof

from aws_cdk.assertions import Match, Template  # noqa: E402

from deploy.cdk.app import build, client_template, snapshot  # noqa: E402
from deploy.cdk.footfall_aws.options import Options, load  # noqa: E402

FOLDER = ROOT / "deploy" / "cdk"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d"


@pytest.fixture(scope="module", params=["dev-small", "prod-small", "prod-larger"])
def stacks(request, tmp_path_factory):
    """(options, name → template) of each layout; synthesis fails where a rule is broken without a reason."""
    folder = tmp_path_factory.mktemp("cdk")
    environment, layout = request.param.split("-")
    code = folder / "function"
    code.mkdir()
    (code / "collector.py").write_text("")
    options = load(FOLDER / f"{environment}.yaml").model_copy(
        update={"layout": layout, "alarmEmail": "ops@acme.example"}
    )
    made = build(cdk.App(outdir=str(folder / "out")), options, code)
    return options, {name: Template.from_stack(stack) for name, stack in made.items()}


def statements(template: Template) -> dict[str, dict]:
    """Statements of all policies by their Sid."""
    policies = template.find_resources("AWS::IAM::Policy").values()
    return {
        each["Sid"]: each
        for policy in policies
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
        if "Sid" in each
    }


def test_buckets_are_closed_sealed_and_outlive_a_production_stack(stacks):
    options, templates = stacks
    buckets = templates["storage"].find_resources("AWS::S3::Bucket")

    assert len(buckets) == 2
    for bucket in buckets.values():
        said = bucket["Properties"]
        assert all(said["PublicAccessBlockConfiguration"].values())
        rule = said["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert bucket["DeletionPolicy"] == ("Retain" if options.is_prod else "Delete")
    versions = sorted(
        each["Properties"].get("VersioningConfiguration", {}).get("Status", "") for each in buckets.values()
    )
    assert versions == ["", "Enabled"], "a destroyed salt must be gone; a mistake in the backup can be undone"
    templates["storage"].has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
                        )
                    ]
                )
            }
        },
    )


@pytest.mark.parametrize(("is_held", "days"), [(False, 60), (True, None)])
def test_the_lake_has_the_rules_of_privacy_lifecycle_and_removes_nothing_that_is_held(
    tmp_path, is_held, days
):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x.py").write_text("")
    options = load(FOLDER / "prod.yaml").model_copy(update={"legalHold": is_held})
    retention = Retention.model_validate({"raw": "30 days"})
    made = build(cdk.App(outdir=str(tmp_path / "out")), options, tmp_path / "f", [retention])["storage"]
    buckets = Template.from_stack(made).find_resources("AWS::S3::Bucket").values()
    rules = {
        said["BucketName"]["Fn::Join"][1][0].split("-")[-2]: said["LifecycleConfiguration"]["Rules"]
        for each in buckets
        for said in [each["Properties"]]
    }

    lake = {each.get("Prefix", ""): each for each in rules["lake"]}
    assert lake.get("raw/", {}).get("ExpirationInDays") == days
    assert lake["salts/"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert [each["NoncurrentVersionExpiration"] for each in rules["backup"]] == [{"NoncurrentDays": 7}]
    assert not [each for each in rules["backup"] if "ExpirationInDays" in each]


def test_the_collector_is_a_bounded_function_that_may_put_and_destroys_nothing(stacks):
    options, templates = stacks
    template = templates["collect"]

    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Architectures": ["arm64"],
            "Timeout": options.lambdaTimeout,
            "MemorySize": options.lambdaMemory,
            "FunctionName": f"{options.functionPrefix}-collector",
            "Environment": {
                "Variables": Match.object_like(
                    {"FOOTFALL_CORS_ORIGINS": options.corsOrigin, "FOOTFALL_ENVIRONMENT": options.environment}
                )
            },
        },
    )
    template.has_resource_properties(
        "AWS::ApiGatewayV2::Stage", {"StageName": "$default", "DefaultRouteSettings": Match.any_value()}
    )
    template.resource_properties_count_is(
        "AWS::ApiGatewayV2::Api", {"CorsConfiguration": Match.any_value()}, 0
    )
    allowed = statements(template)
    puts = re.findall(r"/([^/]+/\*)", json.dumps(allowed["PutEventsAndSalts"]["Resource"]))
    assert puts == ["raw/*", "salts/*"]
    assert not [each for each in allowed.values() if "Delete" in json.dumps(each["Action"])]
    assert not [each for each in allowed.values() if "*" in each["Action"]]
    template.resource_count_is("AWS::CloudWatch::Alarm", 4 if options.enableMetrics else 0)
    template.resource_count_is("AWS::CloudWatch::Dashboard", 1 if options.enableMetrics else 0)
    template.has_resource_properties(
        "AWS::CloudFront::Distribution",
        {
            "DistributionConfig": {
                "DefaultCacheBehavior": Match.object_like({"ViewerProtocolPolicy": "https-only"}),
                "CacheBehaviors": [Match.object_like({"PathPattern": "*.js"})],
            }
        },
    )


def test_the_machine_has_no_door_no_gateway_and_a_database_in_the_larger_layout_alone(stacks):
    options, templates = stacks
    template = templates["machine"]
    is_larger = options.layout == "larger"

    template.resource_count_is("AWS::EC2::NatGateway", 0)
    template.resource_count_is("AWS::RDS::DBInstance", 1 if is_larger else 0)
    groups = template.find_resources(
        "AWS::EC2::SecurityGroup", {"Properties": {"GroupDescription": "no door"}}
    )
    (machine,) = groups.values()
    assert "SecurityGroupIngress" not in machine["Properties"]
    template.has_resource_properties(
        "AWS::EC2::LaunchTemplate", {"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required"}}}
    )
    (instance,) = template.find_resources("AWS::EC2::Instance").values()
    (disk,) = instance["Properties"]["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["DeleteOnTermination"] is not options.is_prod
    template.has_resource_properties(
        "AWS::Budgets::Budget",
        {"Budget": {"BudgetLimit": {"Amount": options.monthlyBudget, "Unit": "USD"}}},
    )
    assert (
        statements(template)["DeliverAsClientsAllow"]["Resource"] == "arn:aws:iam::*:role/FootfallDelivery-*"
    )
    removed = statements(template)["RemoveVersionsOfWhatIsErased"]
    assert removed["Action"] == "s3:DeleteObjectVersion", "of the backup: the lake keeps no versions"
    assert "-backup-" in str(removed["Resource"]) and "-lake-" not in str(removed["Resource"])
    others = [each for each in statements(template).values() if each != removed]
    assert "DeleteObjectVersion" not in str(others)
    if is_larger:
        template.has_resource_properties(
            "AWS::RDS::DBInstance",
            {"PubliclyAccessible": False, "StorageEncrypted": True, "DeletionProtection": True},
        )


def test_the_role_of_a_client_wants_the_external_id_and_allows_what_onboarding_says(stacks):
    _, templates = stacks
    template = templates["client"].to_json()

    (role,) = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    (policy,) = role["Properties"]["Policies"]
    put, remove, maybe, maybe_versions, see = policy["PolicyDocument"]["Statement"]
    assert put["Action"] == ["s3:PutObject", "s3:GetObject"]
    assert [remove["Action"], see["Action"]] == ["s3:DeleteObject", "s3:ListBucket"]
    assert "_probe/*" in json.dumps(remove["Resource"])
    condition, removes_all, nothing = maybe["Fn::If"]
    assert removes_all["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert maybe_versions["Fn::If"][0] == condition
    assert maybe_versions["Fn::If"][1]["Action"] == ["s3:ListBucketVersions", "s3:GetBucketVersioning"]
    assert nothing == {"Ref": "AWS::NoValue"}
    assert template["Conditions"][condition] == {"Fn::Equals": [{"Ref": "Removes"}, "yes"]}
    assert template["Parameters"]["Removes"]["Default"] == "no"
    names = {"Sender", "ExternalId", "Bucket", "Prefix", "ClientId", "Removes", "BucketPolicy"}
    assert set(template["Parameters"]) == names, "no bootstrap"


def test_a_client_that_says_so_has_a_policy_of_its_bucket_and_is_told_where_the_challenge_lies(stacks):
    _, templates = stacks
    template = templates["client"].to_json()

    (policy,) = [each for each in template["Resources"].values() if each["Type"] == "AWS::S3::BucketPolicy"]
    assert template["Conditions"][policy["Condition"]] == {"Fn::Equals": [{"Ref": "BucketPolicy"}, "yes"]}
    assert template["Parameters"]["BucketPolicy"]["Default"] == "no"
    tls, others = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (others["Effect"], others["Action"]) == ("Deny", "s3:PutObject")
    assert others["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": ["Role", "Arn"]}}}
    assert "/_challenge/" in json.dumps(template["Outputs"]["Challenge"]["Value"])


def test_the_template_for_clients_is_the_one_that_is_made(stacks):
    _, templates = stacks

    assert (FOLDER / "client-role.json").read_text() == client_template(templates["client"].to_json())


#: Templates that are kept, by layout: what a change makes of them is seen in its diff.
KEPT = {"prod-small": ("collect",), "prod-larger": ("storage", "machine")}


def test_a_template_that_is_kept_is_the_one_that_is_made(stacks):
    options, templates = stacks
    layout = f"{options.environment}-{options.layout}"

    for name in KEPT.get(layout, ()):
        assert_kept(f"{layout}-{name}", templates[name])


def test_the_template_of_collection_by_tasks_is_the_one_that_is_made_and_breaks_no_rule(tmp_path):
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "Dockerfile").write_text("FROM scratch\n")
    change = {"collection": "fargate", "alarmEmail": "ops@acme.example", "certificateArn": CERTIFICATE}
    options = load(FOLDER / "prod.yaml").model_copy(update=change)
    made = build(cdk.App(outdir=str(tmp_path / "out")), options, tmp_path / "image")

    assert_kept("prod-fargate-collect", Template.from_stack(made["collect"]))


def assert_kept(name: str, template: Template) -> None:
    """The template is the one of its file; KEEP_TEMPLATES=1 writes it."""
    path = Path(__file__).parent / "templates" / f"{name}.json"
    if os.environ.get("KEEP_TEMPLATES"):
        path.write_text(snapshot(template.to_json()))
    assert path.read_text() == snapshot(template.to_json()), (
        f"look at it after KEEP_TEMPLATES=1 pytest -m proof {Path(__file__).name}"
    )


def test_another_api_may_be_let_in_and_the_machine_may_sleep(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x.py").write_text("")
    arn = "arn:aws:execute-api:us-east-1:123456789012:other/*"
    change = {"grantInvokeToApiGateway": [arn], "machineHours": "04:00-06:30"}
    options = load(FOLDER / "dev.yaml").model_copy(update=change)
    stacks = build(cdk.App(outdir=str(tmp_path / "out")), options, tmp_path / "f")

    allowed = Template.from_stack(stacks["collect"]).find_resources(
        "AWS::Lambda::Permission", {"Properties": {"SourceArn": arn}}
    )
    # The name of a second deployment is that of the first: by the hash of what is let in.
    ((name, permission),) = allowed.items()
    assert permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
    assert hashlib.sha256(arn.encode()).hexdigest()[:12] in name
    machine = Template.from_stack(stacks["machine"])
    schedules = machine.find_resources("AWS::Scheduler::Schedule").values()
    assert {
        each["Properties"]["Target"]["Arn"].rpartition(":")[2]: each["Properties"]["ScheduleExpression"]
        for each in schedules
    } == {"startInstances": "cron(0 4 * * ? *)", "stopInstances": "cron(30 6 * * ? *)"}
    woken = statements(machine)["WakeTheMachine"]
    assert woken["Action"] == ["ec2:StartInstances", "ec2:StopInstances"]
    assert "instance/" in json.dumps(woken["Resource"]) and "*" not in json.dumps(woken["Resource"])


def test_a_later_image_of_the_system_is_no_other_machine(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x.py").write_text("")
    where = cdk.Environment(account="123456789012", region="eu-central-1")
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64"
    known = f"ssm:account={where.account}:parameterName={name}:region={where.region}"
    app = cdk.App(outdir=str(tmp_path / "out"), context={known: "ami-0a1b2c3d4e5f60718"})
    stacks = build(app, load(FOLDER / "dev.yaml"), tmp_path / "f", env=where)

    template = Template.from_stack(stacks["machine"])
    template.has_resource_properties("AWS::EC2::Instance", {"ImageId": "ami-0a1b2c3d4e5f60718"})
    assert not [each for each in template.to_json().get("Parameters", {}) if "Ami" in each or "ami" in each]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environment": "prod", "corsOrigin": "*"}, "prod refuses"),
        ({"lambdaTimeout": 31}, "lambdaTimeout"),
        ({"functionPrefix": "Bad Name"}, "functionPrefix"),
        ({"allowedBucket": []}, "allowedBucket"),
        ({"collection": "fargate"}, "certificateArn"),
        ({"machineHours": "4-6"}, "machineHours"),
        ({"machineHours": "04:00-04:00"}, "machineHours"),
        ({"grantInvokeToApiGateway": ["other"]}, "grantInvokeToApiGateway"),
        ({"collection": "fargate", "certificateArn": CERTIFICATE, "taskMemory": 8192}, "taskMemory"),
        ({"collection": "fargate", "certificateArn": CERTIFICATE, "taskCount": 11}, "maxTaskCount"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, change, said):
    import yaml

    path = tmp_path / "options.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load((FOLDER / "dev.yaml").read_text()) | change))

    with pytest.raises(FootfallError, match=said):
        load(path)


def test_buckets_of_clients_must_fit_the_patterns(tmp_path):
    from footfall.clients import registry_of
    from footfall.settings import Settings

    (tmp_path / "acme.yaml").write_text(
        "client_id: acme\nname: A\nsites: [{site_id: a, key: pk_acme_1234, domains: [a.example]}]\n"
        'destination: {url: "s3://acme-analytics/x"}\n'
        "exports: [{name: events, dataset: events, cadence: hourly}]\n"
    )
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": str(tmp_path / "h"), "FOOTFALL_CLIENTS": str(tmp_path)}
    )
    clients = list(registry_of(settings).clients)
    options = load(Path(FOLDER / "dev.yaml"))

    assert options.misfits(clients) == []
    narrow: Options = options.model_copy(update={"allowedBuckets": ["*-events", "other"]})
    assert narrow.misfits(clients) == ["acme: main: acme-analytics is not in allowedBuckets"]
