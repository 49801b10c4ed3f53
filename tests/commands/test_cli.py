"""The command line in processes of its own: one clear line for each mistake, never a traceback."""

import fcntl
import json
import socket

import pytest
from support.manifests import deliver as put_delivery

from footfall.store import STORES, LocalStore

CLIENT = """\
client_id: {0}
name: A Client
sites: [{{site_id: {0}, key: pk_{0}_1234, domains: [{0}.example]}}]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{0}"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
"""


def assert_one_line(done, command, said):
    """The command failed and said why in one line on stderr."""
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"footfall {command}: ")
    assert said in line


@pytest.fixture
def deliver():
    """Put one delivery of 3 rows into a folder; returns the file's path."""

    def put(folder):
        key, _ = put_delivery(LocalStore(folder), data=b"event_id\n1\n2\n3\n", rows=3)
        return folder / key

    return put


# clients


def test_clients_lists_the_valid_ones_and_every_mistake_of_the_others(footfall, tmp_path):
    footfall.clients = tmp_path / "who"
    footfall.clients.mkdir()
    (footfall.clients / "good.yaml").write_text(CLIENT.format("good"))
    (footfall.clients / "bad.yaml").write_text(
        CLIENT.format("bad").replace("hourly", "yearly") + "color: red\n"
    )

    done = footfall("clients")

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "good: A Client, UTC; sites: good; exports: events (hourly)",
        "SET ASIDE  bad.yaml: exports.1.cadence, line 5: expected 'live', 'hourly', 'daily', "
        "'weekly' or 'monthly'",
        "SET ASIDE  bad.yaml: color, line 6: is no field here",
    ]


def test_clients_is_content_with_the_examples_and_prints_their_schema(footfall):
    assert footfall("clients").returncode == 0

    schema = footfall("clients", "--schema")

    assert (schema.returncode, schema.stderr) == (0, "")
    assert json.loads(schema.stdout)["title"] == "Client"


# verify


def test_verify_of_a_good_bucket_says_what_it_counted(footfall, tmp_path, deliver):
    deliver(tmp_path / "bucket")

    for address in (str(tmp_path / "bucket"), (tmp_path / "bucket").as_uri()):
        done = footfall("verify", address, "--allow-unlogged")

        assert (done.returncode, done.stderr) == (0, "")
        key, summary = done.stdout.splitlines()
        assert "signed 1 of acme: found in the bucket and trusted on first use" in key
        assert summary == "1 manifests, 1 signed, 1 files, 3 rows, 15 bytes: all as promised"


def test_verify_of_a_tampered_bucket_names_the_file(footfall, tmp_path, deliver):
    file = deliver(tmp_path / "bucket")
    file.write_bytes(b"event_id\n1\n2\n4\n")
    (file.parent / "stray.csv").write_bytes(b"")

    done = footfall("verify", str(tmp_path / "bucket"), "--allow-unlogged")

    assert (done.returncode, done.stderr) == (1, "")
    folder = "events/dt=2026-11-20/hour=14/rev=0001"
    lines = [line for line in done.stdout.splitlines() if not line.startswith("key ")]
    assert lines == [
        f"PROBLEM  {folder}/{file.name}: sha256 differs from {folder}/_manifest.json",
        f"no data  {folder}/stray.csv: no manifest names it",
        "1 manifests, 1 signed, 1 files, 3 rows, 15 bytes: 1 problems",
    ]


def test_verify_of_an_empty_folder_is_no_success(footfall, tmp_path):
    (tmp_path / "bucket").mkdir()

    done = footfall("verify", str(tmp_path / "bucket"))

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("0 bytes: nothing was delivered here\n")


def test_verify_of_what_is_no_store_says_what_to_write(footfall):
    done = footfall("verify", "http://bucket.example/x")

    assert_one_line(
        done, "verify", "write file:///absolute/folder, s3://bucket/prefix, gs://bucket/prefix or az"
    )


def test_verify_without_credentials_says_so(footfall, tmp_path):
    footfall.settings = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}

    assert_one_line(footfall("verify", "s3://bucket/x"), "verify", "no AWS credentials were found")


# doctor


def test_doctor_finds_a_healthy_installation_healthy(footfall):
    done = footfall("doctor")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "ok    versions",
        "ok    settings",
        "ok    state folder",
        "ok    first hour",
        "ok    clients",
        "ok    keys over raw lines",
        "ok    lake",
        "ok    backup bucket",
        "ok    ports",
        "ok    places",
        "ok    lifecycle rules",
        "ok    buckets of agency",
        "ok    buckets of demo",
    ]
    assert list(LocalStore(footfall.home / "lake").list("")) == []


def test_doctor_names_a_lake_that_cannot_be_written_and_goes_on(footfall, tmp_path):
    (tmp_path / "file").write_text("in the way")
    footfall.settings = {"FOOTFALL_LAKE": (tmp_path / "file" / "lake").as_uri()}

    done = footfall("doctor")

    assert (done.returncode, done.stderr) == (1, "")
    (failed,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert failed.startswith(f"FAIL  lake: cannot write {(tmp_path / 'file' / 'lake').as_uri()}/probe/")
    assert failed.endswith(": Not a directory")


@pytest.mark.parametrize(
    "said", [b"garbage", b"", b"\xff\xfe", b"2026-11-20T14\n2026-11-20T15", b"2999-01-01"]
)
def test_doctor_says_that_the_first_hour_is_none(footfall, said):
    footfall.home.mkdir()
    (footfall.home / "first_hour").write_bytes(said)

    done = footfall("doctor")

    assert (done.returncode, done.stderr) == (1, "")
    [failed] = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert failed.startswith(f"FAIL  first hour: {footfall.home / 'first_hour'} ")
    assert "first hour that was ever received" in failed


def test_an_import_says_that_the_first_hour_is_none(footfall, tmp_path):
    footfall.home.mkdir()
    (footfall.home / "first_hour").write_text("garbage")
    log = tmp_path / "a.log"
    log.write_text('192.0.2.1 - - [20/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla"\n')

    done = footfall("import", str(log), "--client", "demo")

    assert_one_line(
        done, "import", f"{footfall.home / 'first_hour'} cannot be read ('garbage' is not an hour"
    )


def test_doctor_names_an_endpoint_that_is_none(footfall):
    footfall.settings = {"FOOTFALL_LAKE": "s3://bucket/lake", "FOOTFALL_S3_ENDPOINT": "localhost:9000"}

    done = footfall("doctor")

    assert (done.returncode, done.stderr) == (1, "")
    assert "FAIL  lake: cannot reach s3://bucket/lake/: Invalid endpoint: localhost:9000" in done.stdout


def test_doctor_says_which_ports_are_taken(footfall, listening):
    port = listening.getsockname()[1]
    footfall.ports["FOOTFALL_UI_PORT"] = str(port)

    assert f"Dagster UI {port} in use" in footfall("doctor").stdout


# run and import


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("yesterday", "2026-11-20", "'yesterday' is not an hour: write 2026-11-20 or 2026-11-20T14 (UTC)"),
        ("2026-11-21", "2026-11-20", "--from 2026-11-21 is not before --to 2026-11-20"),
    ],
)
def test_run_refuses_what_is_no_range_of_hours(footfall, start, end, said):
    assert_one_line(footfall("run", "--from", start, "--to", end), "run", said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such.log", "--client", "demo"], "no-such.log does not exist"),
        (["no-such.log", "--client", "nobody"], "no client 'nobody'; valid are: agency, demo"),
        (["no-such.log", "--client", "agency"], "--site bakery | cycling | gallery"),
        (["no-such.log", "--client", "demo", "--site", "bakery"], "--site shop"),
    ],
)
def test_import_refuses_what_it_cannot_place(footfall, arguments, said):
    assert_one_line(footfall("import", *arguments), "import", said)
    assert not (footfall.home / "lake").exists()


# The state folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["up"],
        ["run", "--from", "2026-11-20", "--to", "2026-11-21"],
        ["import", "pyproject.toml", "--client", "demo"],
        ["demo", "--no-serve"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_state_folder_that_is_a_file_is_named(footfall, arguments):
    footfall.home.write_text("in the way")

    assert_one_line(footfall(*arguments), arguments[0], f"the state folder {footfall.home} cannot be written")
    assert footfall.home.read_text() == "in the way"


def test_a_second_up_on_a_state_folder_names_the_first(footfall):
    """Two on one folder would write one warehouse and one spool."""
    footfall.home.mkdir()
    with (footfall.home / "instance.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()

        assert_one_line(footfall("up"), "up", f"{footfall.home} is in use by process 4711; stop it")


@pytest.mark.parametrize("variable", ["FOOTFALL_COLLECTOR_PORT", "FOOTFALL_UI_PORT"])
def test_up_names_a_port_in_use_and_leaves_nothing_running(footfall, listening, variable):
    port = listening.getsockname()[1]
    footfall.ports[variable] = str(port)

    assert_one_line(footfall("up"), "up", f"port {port} is in use; stop its owner or set {variable}")

    if variable != "FOOTFALL_COLLECTOR_PORT":
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", int(footfall.ports["FOOTFALL_COLLECTOR_PORT"])))


def test_up_without_a_valid_client_names_every_mistake(footfall, tmp_path):
    footfall.clients = tmp_path / "who"
    footfall.clients.mkdir()
    (footfall.clients / "bad.yaml").write_text("name: 5\n")

    done = footfall("up")

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "set aside: bad.yaml: client_id: is missing"
    assert done.stderr.splitlines()[-1] == f"footfall up: no valid client file in {footfall.clients}"


# Settings and usage


def test_a_setting_that_cannot_be_used_is_named(footfall):
    footfall.settings = {"FOOTFALL_SEGMENT_SECONDS": "soon"}

    assert_one_line(footfall("doctor"), "doctor", "FOOTFALL_SEGMENT_SECONDS='soon': expected a whole number")


def test_a_misspelt_command_is_told_with_the_nearest_one(footfall):
    done = footfall("dem")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: there is no command 'dem'; did you mean demo?"


@pytest.mark.parametrize("command", ["backup", "restore", "verify"])
@pytest.mark.parametrize("place", ["", " ", "s3:/bucket/prefix", "gs:bucket"])
def test_what_is_neither_a_folder_nor_a_url_becomes_no_folder(footfall, command, place):
    said = f"is no place: write a folder, {STORES}"
    assert_one_line(footfall(command, place), command, said)


def test_a_folder_that_is_not_there_is_no_empty_bucket(footfall, tmp_path):
    assert_one_line(
        footfall("verify", str(tmp_path / "nowhere")), "verify", f"there is no folder {tmp_path / 'nowhere'}"
    )


def test_before_the_first_hour_a_warehouse_is_empty_and_not_damaged(footfall):
    assert_one_line(footfall("deliveries", "restate"), "deliveries", "nothing was ingested into")


def test_hours_of_a_demo_are_limited(footfall):
    assert_one_line(footfall("demo", "--hours", "0"), "demo", "--hours 0: expected 1 to 168")


def test_an_unknown_command_lists_the_known_ones(footfall):
    done = footfall("frobnicate")

    assert done.returncode == 2
    assert "there is no command 'frobnicate'" in done.stderr
    for name in ("demo", "up", "import", "run", "verify", "clients", "keys", "doctor"):
        assert f" {name}" in done.stderr


# names that nobody knows


@pytest.mark.parametrize(
    "arguments",
    [
        ("deliveries", "list", "--client", "nobody"),
        ("deliveries", "list", "--export", "nothing"),
        ("deliveries", "replay", "--client", "demo", "--export", "nothing"),
        ("domains", "list", "--client", "nobody"),
        ("import", "a.log", "--client", "nobody"),
        ("import", "a.log", "--client", "demo", "--site", "nothing"),
        ("enrich", "a.ndjson", "--client", "nobody"),
        ("keys", "new", "demo", "--permission", "write", "--site", "nothing"),
        ("clients", "test", "nobody"),
    ],
)
def test_a_client_a_site_or_an_export_that_nobody_knows_is_an_error(footfall, arguments):
    done = footfall(*arguments)

    assert_one_line(done, arguments[0], "")
    assert "nobody" in done.stderr or "nothing" in done.stderr or "which site" in done.stderr
    assert done.stdout == ""
