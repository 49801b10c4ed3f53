"""Lifecycle rules of buckets: made of the client files, and held against what a bucket of a real S3 has."""

import json

import boto3
import pytest
import yaml
from support.client_files import client
from support.s3_server import ADMIN, USER

from footfall.retention.lifecycle_rules import (
    LATER_DAYS,
    differences,
    merged,
    rules_of_deliveries,
    rules_of_lake,
)
from footfall.retention.rules import Retention

RULE = Retention(raw="30d", quarantine="30d", events="13 months")


def _expiring(rules):
    return {each["Filter"]["Prefix"]: each["Expiration"]["Days"] for each in rules if "Expiration" in each}


def test_a_bucket_removes_later_than_the_job_and_only_what_no_client_keeps_longer():
    longer = Retention(raw="60d", quarantine="60d", events="2 years")

    both = _expiring(rules_of_lake("lake/", [RULE, longer], is_held=False))

    assert both["lake/raw/"] == 60 + LATER_DAYS
    assert both["lake/events/"] == 2 * 366 + LATER_DAYS
    assert not any(
        prefix.startswith(("lake/retention", "lake/frozen")) or prefix == "lake/" for prefix in both
    )


@pytest.mark.parametrize(
    ("clients", "is_held"),
    [([RULE, Retention()], False), ([RULE], True), ([], False)],
    ids=["keep", "hold", "none"],
)
def test_nothing_is_removed_by_a_bucket_that_a_client_keeps_or_a_hold_holds(clients, is_held):
    assert _expiring(rules_of_lake("", clients, is_held=is_held)) == {}


def test_a_bucket_of_deliveries_lets_go_of_old_versions_and_of_no_object():
    [rule] = rules_of_deliveries("acme/")

    assert "Expiration" not in rule
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0


def test_a_rule_that_removes_what_nobody_ordered_is_told():
    [wanted] = merged([("b", "acme/", "deliveries", rules_of_deliveries("acme/"))])
    theirs = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}

    assert differences(wanted, wanted.rules) == []
    assert any("'old' removes objects after 3 days" in line for line in differences(wanted, [theirs]))
    assert differences(wanted, [*wanted.rules, {**theirs, "Status": "Disabled"}]) == []
    assert len(differences(wanted, [])) == 2


def test_the_rules_that_are_made_are_taken_by_a_bucket_and_found_there_again(
    proxy, s3_url, tmp_path, footfall
):
    footfall.clients = tmp_path / "clients"
    footfall.clients.mkdir()
    rule = {"raw": "30d", "quarantine": "30d", "events": "13 months"}
    text = yaml.safe_dump(client("acme", retention=rule))
    (footfall.clients / "acme.yaml").write_text(text)
    user, secret = USER
    footfall.settings |= {
        "FOOTFALL_LAKE": s3_url,
        "FOOTFALL_S3_ENDPOINT": proxy.endpoint,
        "FOOTFALL_BACKUP": f"file://{tmp_path}/backup",
        "AWS_ACCESS_KEY_ID": user,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    before = footfall("privacy", "lifecycle")
    made = footfall("privacy", "lifecycle", "--json", "--bucket", proxy.bucket)
    configuration = json.loads(made.stdout)
    admin = boto3.client(
        "s3",
        endpoint_url=proxy.endpoint,
        aws_access_key_id=ADMIN[0],
        aws_secret_access_key=ADMIN[1],
        region_name="us-east-1",
    )
    admin.put_bucket_lifecycle_configuration(Bucket=proxy.bucket, LifecycleConfiguration=configuration)
    admin.close()
    after = footfall("privacy", "lifecycle")

    assert (before.returncode, made.returncode) == (1, 0), before.stderr + made.stderr
    assert "no rule for Expiration within 60 days" in before.stdout
    assert (after.returncode, after.stdout) == (0, f"{proxy.bucket}  the lake: nothing wrong\n")
