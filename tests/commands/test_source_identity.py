"""A client's own logs, read as whom its file says: by `footfall clients test`, by import and every hour."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from support.imported_logs import Imports
from support.s3_server import USER, s3_server

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.hours import floor
from orchestration.defs.sources.assets import access_logs
from orchestration.partitions import each_hour
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State

HOUR = floor(datetime.now(UTC)) - timedelta(hours=1)
LINE = f'198.51.100.11 - - [{HOUR:%d/%b/%Y:%H}:00:07 +0000] "GET /bread HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n'
CLIENT = """\
client_id: shop
name: Shop
timezone: UTC
sites:
  - {{site_id: shop, key: pk_shop_acmeacme1, domains: [shop.example]}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/shop"}}
exports:
  - {{name: events, dataset: events, cadence: hourly}}
sources:
  - name: web
    site_id: shop
    format: combined
    url: s3://{bucket}/logs
    endpoint: {endpoint}
    access_key: env:CLIENT_SHOP_ACCESS_KEY
    secret_key: env:CLIENT_SHOP_SECRET_KEY
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        client = server.client()
        client.put_object(Bucket=server.bucket, Key=f"logs/access-{HOUR:%Y-%m-%d-%H}.log", Body=LINE.encode())
        client.close()
        yield server


@pytest.fixture
def imports(footfall, tmp_path, server):
    """The command line of a process that has no keys but those that the client file refers to."""
    made = Imports(footfall, tmp_path)
    text = CLIENT.format(bucket=server.bucket, endpoint=server.endpoint)
    (tmp_path / "clients" / "shop.yaml").write_text(text)
    footfall.settings.update(
        {
            "CLIENT_SHOP_ACCESS_KEY": USER[0],
            "CLIENT_SHOP_SECRET_KEY": USER[1],
            "FOOTFALL_CLIENT_HOSTS": "127.0.0.1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    )
    return made


@pytest.mark.usefixtures("imports")
def test_a_source_is_proven_step_by_step(footfall):
    done = footfall("clients", "test", "shop")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "shop source web: s3://" in done.stdout
    assert [step in done.stdout for step in ("ok    list:", "ok    read:")] == [True, True]
    assert done.stdout.endswith("logs would be read\n")


@pytest.mark.usefixtures("imports")
def test_a_source_whose_key_is_wrong_is_named_with_what_is_missing(footfall):
    footfall.settings["CLIENT_SHOP_SECRET_KEY"] = "another"

    done = footfall("clients", "test", "shop")

    assert done.returncode == 1
    assert "FAIL  list" in done.stdout
    assert "missing: s3:ListBucket" in done.stdout
    assert "deliveries would arrive" in done.stdout
    assert done.stdout.endswith("logs would not be read\n")


def test_an_import_from_the_bucket_of_a_source_goes_in_as_the_client_file_says(imports, server):
    done = imports(f"s3://{server.bucket}/logs/")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line["event"]["url"] for line in imports.views()] == ["https://shop.example/bread"]


def test_no_key_of_a_client_is_used_for_another_bucket(imports, server, footfall):
    footfall.settings["FOOTFALL_S3_ENDPOINT"] = server.endpoint

    done = imports("s3://another-bucket/logs/")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert imports.lines() == []


@pytest.mark.usefixtures("imports")
def test_a_role_without_an_external_id_and_half_a_pair_of_keys_are_refused(footfall, tmp_path):
    path = tmp_path / "clients" / "shop.yaml"
    text = path.read_text()

    for change, said in (
        ("    role: arn:aws:iam::111122223333:role/logs\n", "external_id"),
        ("    access_key: env:A\n", "both or neither"),
        ("    access_key: AKIAEXAMPLE\n    secret_key: secret\n", "access_key"),
    ):
        path.write_text(text[: text.index("    access_key")] + change)
        done = footfall("clients")
        assert done.returncode == 1
        assert said in json.dumps(done.stdout + done.stderr)


def test_the_run_of_an_hour_reads_the_bucket_as_the_client_file_says(
    imports, footfall, monkeypatch, tmp_path
):
    for name, value in footfall.settings.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [each_hour(access_logs, HOUR)],
            instance=instance,
            partition_key=HOUR.strftime(HOUR_FORMAT),
            resources={
                "lake": Lake(url=(footfall.home / "lake").as_uri()),
                "clients": Clients(
                    folder=str(tmp_path / "clients"),
                    rules={"home": str(footfall.home), "hosts": ["127.0.0.1"]},
                ),
                "state": State(home=str(footfall.home), ledger_path="", dbt_folder=""),
            },
        )

    assert done.success
    assert [line["event"]["url"] for line in imports.views()] == ["https://shop.example/bread"]
