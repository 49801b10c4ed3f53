"""The same path with the lake and the backup bucket on a real S3 server."""

import json
import re

from support.s3_server import S3Server, s3_server

from footfall.keys import MANIFEST_NAME


def test_the_whole_path_works_with_the_lake_and_the_backup_on_s3(installation, tmp_path):
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as server:
        installation.environment.update(
            {
                **server.environment,
                "FOOTFALL_LAKE": f"s3://{server.bucket}/lake",
                "FOOTFALL_BACKUP": f"s3://{server.bucket}/backup",
                "FOOTFALL_S3_ENDPOINT": server.endpoint,
            }
        )

        done = installation.run("demo", "--no-serve", "--hours", "2")
        verified = installation.run("verify", f"s3://{server.bucket}/backup")
        delivered = _manifests(server)
        listed = installation.run("published", "list", "--client", "demo", "--json")
        read = installation.run("published", "read", "demo", "page_views", "--format", "json")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every event that was acknowledged is in a verified file" in done.stdout
    assert verified.returncode == 0, verified.stdout + verified.stderr
    # Two hours of each of the hourly exports, and a day's file where a site's day ended within them.
    found = re.search(r"(\d+) manifests, (\d+) signed, (\d+) files", verified.stdout)
    assert found is not None, verified.stdout
    assert found[1] == found[2] == found[3] == str(delivered)
    assert delivered >= 8
    assert not (installation.home / "lake").exists()
    assert read.returncode == 0, read.stderr
    views = json.loads(listed.stdout)["tables"]["page_views"]["rows"]
    assert len(read.stdout.splitlines()) == views > 0
    assert list((installation.home / "cache" / "demo").glob("*.parquet"))


def _manifests(server: S3Server) -> int:
    """How many manifests lie in the backup, counted by the server's own listing."""
    client = server.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=server.bucket, Prefix="backup/")
    names = [found["Key"] for page in pages for found in page.get("Contents", [])]
    client.close()
    return sum(name.endswith(MANIFEST_NAME) for name in names)
