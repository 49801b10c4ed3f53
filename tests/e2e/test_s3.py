"""The same path with the lake and the backup bucket on a real S3 server."""

import json

from support.s3_server import s3_server


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
        listed = installation.run("published", "list", "--client", "demo", "--json")
        read = installation.run("published", "read", "demo", "page_views", "--format", "json")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every event that was acknowledged is in a verified file" in done.stdout
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "8 manifests, 8 signed, 8 files" in verified.stdout
    assert not (installation.home / "lake").exists()
    assert read.returncode == 0, read.stderr
    views = json.loads(listed.stdout)["tables"]["page_views"]["rows"]
    assert len(read.stdout.splitlines()) == views > 0
    assert list((installation.home / "cache" / "demo").glob("*.parquet"))
