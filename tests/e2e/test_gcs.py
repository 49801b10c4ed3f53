"""The same path with the lake and the backup bucket with Google, on a strict fake of Cloud Storage."""

import json
import re

import pytest
from support.gcs_server import BUCKET, gcs_server

from footfall.keys import MANIFEST_NAME


@pytest.mark.proof
def test_the_whole_path_works_with_the_lake_and_the_backup_with_google(installation, tmp_path):
    with gcs_server() as server:
        (tmp_path / "ours.json").write_text(server.key)
        installation.environment.update(
            {
                "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "ours.json"),
                "GOOGLE_BASE_URL": server.endpoint,
                "FOOTFALL_LAKE": f"gs://{BUCKET}/lake",
                "FOOTFALL_BACKUP": f"gs://{BUCKET}/backup",
            }
        )

        done = installation.run("demo", "--no-serve", "--hours", "2")
        verified = installation.run("verify", f"gs://{BUCKET}/backup")
        read = installation.run("published", "read", "demo", "page_views", "--format", "json")
        listed = installation.run("published", "list", "--client", "demo", "--json")
        doctor = installation.run("doctor")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every event that was acknowledged is in a verified file" in done.stdout
    assert verified.returncode == 0, verified.stdout + verified.stderr
    found = re.search(r"(\d+) manifests, (\d+) signed, (\d+) files", verified.stdout)
    delivered = [
        key for _, key in server.objects if key.startswith("backup/") and key.endswith(MANIFEST_NAME)
    ]
    assert found is not None, verified.stdout
    assert found[1] == found[2] == found[3] == str(len(delivered))
    assert not (installation.home / "lake").exists()
    views = json.loads(listed.stdout)["tables"]["page_views"]["rows"]
    assert len(read.stdout.splitlines()) == views > 0
    assert f"lake: gs://{BUCKET}/lake can be written, read and deleted from" in doctor.stdout
