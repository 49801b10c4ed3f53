"""`footfall verify` of buckets that others write to: every oddity is a line, and the walk goes on."""

import hashlib
import json
import os
from datetime import timedelta

import pytest
from support.manifests import HOUR, deliver, signer
from support.oddities import FOLDER, KEY, ODDITIES, STRANGER, raw, unsigned
from support.s3_server import ADMIN, s3_server

from commands import cli
from footfall.store import LocalStore


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder with one good delivery; no client file says whose it is."""
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("FOOTFALL_CLIENTS", str(tmp_path / "clients"))
    store = LocalStore(tmp_path / "bucket")
    deliver(store)
    return store


@pytest.fixture
def verify(bucket, capsys):
    """Run the command in this process. Returns its exit code and its lines."""

    def run(*options, url=None):
        code = cli.main(["verify", url or bucket.root.as_uri(), "--allow-unlogged", *options])
        said = capsys.readouterr()
        assert said.err == ""
        return code, said.out.splitlines()

    return run


def put(bucket, key, data):
    """Past the store, which would refuse such a key."""
    path = bucket.root / os.fsdecode(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_is_a_line_and_what_is_good_is_counted_all_the_same(bucket, verify, name):
    key, data, said = ODDITIES[name]
    put(bucket, key, data)

    code, lines = verify()

    assert code == 1
    problems = [line for line in lines if line.startswith("PROBLEM  ")]
    assert any(said in line for line in problems), lines
    assert lines[-1].endswith(f"{len(problems)} problems")
    assert int(lines[-1].split(" files")[0].rpartition(" ")[2]) >= 1, "the good delivery is still checked"


def links(root):
    hour = root / "events/dt=2026-11-20/hour=15"
    hour.mkdir(parents=True)
    return hour


def _link_to_a_manifest(root):
    (links(root) / "rev=0001").mkdir()
    (root / KEY).symlink_to(root / "events/dt=2026-11-20/hour=14/rev=0001/_manifest.json")


def _link_to_a_folder(root):
    (links(root) / "rev=0001").symlink_to(root / "events/dt=2026-11-20/hour=14/rev=0001")


def _link_in_place_of_a_file(root):
    [file] = (root / "events/dt=2026-11-20/hour=14/rev=0001").glob("*.csv")
    elsewhere = root.parent / "elsewhere.csv"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def _folder_for_a_manifest(root):
    (links(root) / "rev=0001" / "_manifest.json").mkdir(parents=True)


def _pipe(root):
    (links(root) / "rev=0001").mkdir()
    os.mkfifo(root / KEY)


def _endless(root):
    (links(root) / "rev=0001").mkdir()
    (root / KEY).symlink_to("/dev/zero")


def _name_of_no_text(root):
    put(LocalStore(root), b"events/\xff\xfe/_manifest.json", raw())


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_link_to_a_manifest, f"{KEY}: is a link"),
        (_link_to_a_folder, "events/dt=2026-11-20/hour=15/rev=0001: is a link"),
        (_link_in_place_of_a_file, ": is a link"),
        (_folder_for_a_manifest, f"{KEY}: is a folder where a manifest belongs"),
        (_pipe, f"{KEY}: is neither a file nor a folder"),
        (_endless, f"{KEY}: is a link"),
        (_name_of_no_text, r"events/\udcff\udcfe/_manifest.json: is no key"),
    ],
)
def test_of_a_folder_only_plain_files_are_read_and_whatever_else_is_there_is_told(
    bucket, verify, plant, said
):
    plant(bucket.root)

    code, lines = verify()

    assert code == 1
    assert any(line.startswith("PROBLEM  ") and said in line for line in lines), lines
    assert lines[-1].startswith("1 manifests, 1 signed, ")


def test_every_oddity_at_once_in_a_process_of_its_own(footfall, bucket):
    planted = {key: (data, said) for key, data, said in ODDITIES.values()}
    for key, (data, _) in planted.items():
        put(bucket, key, data)

    done = footfall("verify", bucket.root.as_uri(), "--allow-unlogged")

    assert (done.returncode, done.stderr) == (1, "")
    for _, said in planted.values():
        assert said in done.stdout
    assert "all as promised" not in done.stdout


def test_another_clients_signed_files_in_place_of_ones_own_are_damage(bucket, verify, tmp_path):
    """The installation's key signed them, so that only the client tells them apart."""
    assert verify("--client", "acme")[0] == 0

    code, lines = verify("--client", "beta")

    assert code == 1
    assert lines[0].endswith("_manifest.json: is of the client acme; this bucket is of beta")
    clients = tmp_path / "clients"
    clients.mkdir()
    (clients / "beta.yaml").write_text(
        "client_id: beta\nname: Beta\n"
        "sites: [{site_id: beta, key: pk_beta_1234, domains: [beta.example]}]\n"
        f"destination: {{url: '{bucket.root.as_uri()}'}}\n"
        "exports: [{name: events, dataset: events, cadence: hourly}]\n"
    )
    assert verify()[1][0].endswith("is of the client acme; this bucket is of beta"), "as its client file says"


def test_in_the_backup_each_folder_is_of_its_client(verify, tmp_path, monkeypatch):
    backup = LocalStore(tmp_path / "backup")
    monkeypatch.setenv("FOOTFALL_BACKUP", backup.root.as_uri())
    clients = tmp_path / "clients"
    clients.mkdir()
    for name in ("acme", "beta"):
        (clients / f"{name}.yaml").write_text(
            f"client_id: {name}\nname: X\n"
            f"sites: [{{site_id: {name}, key: pk_{name}_1234, domains: [{name}.example]}}]\n"
            f"destination: {{url: 'file:///nowhere/{name}'}}\n"
            "exports: [{name: events, dataset: events, cadence: hourly}]\n"
        )
        deliver(backup, above=f"{name}/", client_id=name)
    assert verify(url=backup.root.as_uri())[0] == 0

    deliver(backup, above="beta/", client_id="acme")
    code, lines = verify(url=backup.root.as_uri())

    assert code == 1
    assert lines[0].endswith("is of the client acme; beta/ is of beta")


@pytest.mark.parametrize("mine", [True, False])
def test_with_a_key_given_that_key_alone_counts_whatever_lies_in_the_bucket(bucket, verify, tmp_path, mine):
    forged = {n: v for n, v in json.loads(raw()).items() if n != "signature"}
    put(bucket, KEY, json.dumps(STRANGER.sign(forged)).encode())
    put(bucket, f"{FOLDER}events.csv", b"xyz")
    put(bucket, f"_keys/{STRANGER.key_id}.pem", STRANGER.public_pem)
    pem = tmp_path / "given.pem"
    pem.write_bytes(signer().public_pem if mine else STRANGER.public_pem)

    code, lines = verify("--key", str(pem))

    assert code == 1
    other = STRANGER if mine else signer()
    assert any(f"is signed with the key {other.key_id}, which is not known here" in line for line in lines)
    assert any(f"{other.key_id} signed" in line for line in lines) is False


def test_a_key_from_the_bucket_is_trusted_on_first_use_and_that_is_said(verify, tmp_path):
    pem = tmp_path / "given.pem"
    pem.write_bytes(signer().public_pem)

    _, found = verify()
    _, given = verify("--key", str(pem))

    assert found[0].startswith(
        f"key      {signer().key_id} signed 1 of acme: found in the bucket and trusted on"
    )
    assert given == [
        f"key      {signer().key_id} signed 1 of acme",
        "1 manifests, 1 signed, 1 files, 1 rows, 11 bytes: all as promised",
    ]


def test_a_key_counts_in_the_root_that_it_lies_in_and_nowhere_else(verify, tmp_path):
    above = LocalStore(tmp_path / "two")
    deliver(above, above="acme/")
    deliver(above, above="beta/", client_id="beta")
    above.delete(f"beta/_keys/{signer().key_id}.pem")

    code, lines = verify(url=above.root.as_uri())

    assert code == 1
    assert "beta/" in lines[0]
    assert "which is not known here" in lines[0]


def test_manifests_of_before_signing_pass_only_when_asked_for_and_are_listed(bucket, verify):
    old = json.loads(unsigned(manifest_version="1.0"))
    put(bucket, KEY, json.dumps(old).encode())
    put(bucket, f"{FOLDER}events.csv", b"xyz")
    old["files"][0]["sha256"] = "3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282"
    put(bucket, KEY, json.dumps(old).encode())

    code, lines = verify()
    taken, told = verify("--allow-unsigned")

    assert (code, lines[0].startswith(f"PROBLEM  {KEY}: is not signed")) == (1, True)
    assert taken == 0
    assert told[0].startswith(f"unsigned {KEY}: of before signing")
    assert told[-1] == "2 manifests, 1 signed, 1 unsigned, 2 files, 2 rows, 14 bytes: all as promised"
    put(bucket, KEY, unsigned())
    assert verify("--allow-unsigned")[0] == 1, "of the version that signs, none may go without"


def test_a_key_that_is_none_is_a_clear_mistake(footfall, bucket, tmp_path):
    (tmp_path / "x.pem").write_text("x")

    done = footfall("verify", bucket.root.as_uri(), "--key", str(tmp_path / "x.pem"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("x.pem: is no public key in PEM\n")


def test_a_readme_and_schemas_are_known_and_no_stray_files(bucket, verify):
    put(bucket, "README.txt", b"hello")
    put(bucket, "_schema/events/abc/columns.md", b"| a |")

    code, lines = verify()

    assert (code, [line for line in lines if line.startswith("no data")]) == (0, [])


def test_the_same_on_an_s3_server(footfall, tmp_path):
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as server:
        raw_client = server.client(ADMIN)
        good = LocalStore(tmp_path / "good")
        for hours in (0, 2):
            deliver(good, start=HOUR + timedelta(hours=hours))
        for info in good.list(""):
            raw_client.put_object(Bucket=server.bucket, Key=f"b/{info.key}", Body=good.get(info.key))
        for mark in ("b/", "b/events/"):
            raw_client.put_object(Bucket=server.bucket, Key=mark, Body=b"")
        footfall.settings = {**server.environment, "FOOTFALL_S3_ENDPOINT": server.endpoint}
        before = footfall("verify", f"s3://{server.bucket}/b", "--allow-unlogged")
        # An object of each place, and each of the others in a bucket of its own.
        planted: dict[str, dict[str, bytes]] = {}
        for key, data, _ in ODDITIES.values():
            n = next(n for n in range(len(ODDITIES)) if key not in planted.setdefault(f"o{n}", {}))
            planted[f"o{n}"][key] = data
        for prefix, objects in planted.items():
            for key, data in objects.items():
                raw_client.put_object(Bucket=server.bucket, Key=f"{prefix}/{key}", Body=data)
            pem = f"_keys/{signer().key_id}.pem"
            raw_client.put_object(Bucket=server.bucket, Key=f"{prefix}/{pem}", Body=good.get(pem))
        raw_client.close()
        done = footfall("verify", f"s3://{server.bucket}", "--client", "acme", "--allow-unlogged")

    assert before.stdout.splitlines()[0] == (
        "PROBLEM  acme events: nothing from 2026-11-20T15:00+0000 to 2026-11-20T16:00+0000"
    )
    assert before.stdout.splitlines()[-1] == "2 manifests, 2 signed, 2 files, 2 rows, 22 bytes: 1 problems"
    assert (done.returncode, done.stderr) == (1, "")
    pointers = [name for name in ODDITIES if "pointer" in name]
    for name, (_, _, said) in ODDITIES.items():
        if name not in pointers:  # they are looked at where a delivery lies beside
            assert said.removesuffix("this bucket is of acme") in done.stdout, name


def pointer_to(bucket, manifest, start, **changes):
    data = bucket.get(manifest)
    said = {
        "export": "events",
        "period_start": start.isoformat(),
        "revision": 1,
        "manifest": manifest,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    bucket.put("events/_latest.json", json.dumps(said | changes).encode())


def test_a_pointer_says_what_it_points_to_and_is_one_manifest_behind_at_most(bucket, verify):
    manifests = [deliver(bucket, start=HOUR + timedelta(hours=n))[1] for n in range(3)]

    pointer_to(bucket, manifests[2], HOUR + timedelta(hours=2))
    assert verify()[0] == 0
    pointer_to(bucket, manifests[1], HOUR + timedelta(hours=1))
    assert verify()[0] == 0, "the manifest comes first"
    pointer_to(bucket, manifests[0], HOUR)
    code, lines = verify()
    assert (code, lines[0]) == (
        1,
        f"PROBLEM  events/_latest.json: points to {manifests[0]}; 2 manifests of events are newer",
    )
    for lie in ({"period_start": "2099-01-01T00:00:00+00:00"}, {"revision": 7}, {"period_start": None}):
        pointer_to(bucket, manifests[2], HOUR + timedelta(hours=2), **lie)
        code, lines = verify()
        assert code == 1
        assert "says another period or revision than" in lines[0]


def test_a_pointer_whose_export_is_gone_tells_of_what_was_taken_away(bucket, verify):
    _, manifest = deliver(bucket)
    pointer_to(bucket, manifest, HOUR)
    bucket.put(
        "sessions/_latest.json", bucket.get("events/_latest.json").replace(b"events/dt", b"sessions/dt")
    )

    code, lines = verify()

    assert code == 1
    missing = manifest.replace("events/", "sessions/", 1)
    assert lines[0] == f"PROBLEM  sessions/_latest.json: points to {missing}, which is missing"


def test_a_copy_of_a_bucket_inside_of_it_would_count_twice(bucket, verify):
    deliver(bucket, above="copy/")

    code, lines = verify()

    assert code == 1
    assert lines[0] == (
        "PROBLEM  copy/: 1 manifests that belong at the top of a bucket lie inside of this bucket"
    )
