"""Client files through `footfall clients` and `doctor`: which secrets and addresses they may name."""

import threading

import pytest
from support.client_files import Asked, client


@pytest.fixture
def told(footfall, tmp_path):
    """Write client files and ask `footfall clients` about them."""
    return Asked(footfall, tmp_path / "who")


def test_all_that_is_wrong_with_a_file_is_said_at_once(told):
    bad = client(
        "bad",
        destination={
            "url": "s3://alpha-data/x",
            "endpoint": "http://169.254.169.254",
            "access_key": "env:FOOTFALL_IMPORT_KEY",
            "secret_key": "ssm:/alpha/secret",
        },
    )
    bad["exports"][0]["notify"] = ["http://192.0.0.192/hook", "https://hooks.example/ok"]

    _, wrong = told(client("alpha", "s3://alpha-data"), bad)

    assert [said.partition(": ")[0] for said in wrong["bad"]] == [
        "destination.endpoint",
        "destination.access_key",
        "destination.secret_key",
        "exports.events.notify.1",
        "destination.url",
    ]
    assert "FOOTFALL_CLIENT_HOSTS" in wrong["bad"][0]
    assert "bad=REFERENCE` in FOOTFALL_CLIENT_SECRETS" in wrong["bad"][1]


def test_a_client_names_its_own_secrets_and_those_that_the_operator_lists(told):
    def keys(name, access, secret):
        store = {"url": f"s3://{name}-data", "access_key": access, "secret_key": secret}
        return client(name, destination=store)

    listed = "env:CLIENT_S3_ACCESS_KEY", "env:CLIENT_S3_SECRET_KEY"
    in_force, wrong = told(
        keys("acme", "env:CLIENT_ACME_KEY", "env:CLIENT_ACME_SECRET"),
        keys("acme-shop", "env:CLIENT_ACME_SHOP_KEY", "env:CLIENT_ACME_SHOP_SECRET"),
        keys("one", *listed),
        keys("two", "secretsmanager:clients/two#key", "ssm:/clients/two/secret"),
        keys("acme2", "env:CLIENT_ACME2_KEY", "env:CLIENT_ACME2_KEY"),
        keys("thief1", "env:CLIENT_ACME_KEY", "env:CLIENT_ACME_SECRET"),
        keys("thief2", *listed),
        keys("thief3", "env:FOOTFALL_IMPORT_KEY", "env:footfall_import_key"),
        keys("thief4", "env:AWS_ACCESS_KEY_ID", "env:AWS_SECRET_ACCESS_KEY"),
        keys("thief5", "secretsmanager:clients/two#key", "ssm:/clients/twofold/secret"),
        keys("thief6", "env:CLIENT_THIEF6", "env:PATH"),
        FOOTFALL_CLIENT_SECRETS=(
            "one=env:CLIENT_S3_ACCESS_KEY, one=env:CLIENT_S3_SECRET_KEY, two=secretsmanager:clients/two, "
            "two=ssm:/clients/two/*, thief3=env:FOO*"
        ),
    )

    assert sorted(in_force) == ["acme", "acme-shop", "acme2", "one", "two"]
    assert {name: len(said) for name, said in wrong.items()} == dict.fromkeys(
        [f"thief{n}" for n in range(1, 7)], 2
    )


def test_a_shorter_id_does_not_own_the_secrets_of_a_longer_one(told):
    store = {
        "url": "s3://x-data",
        "access_key": "env:CLIENT_ACME_SHOP_KEY",
        "secret_key": "env:CLIENT_ACME_B",
    }

    in_force, wrong = told(client("acme", destination=store), client("acme-shop"))

    assert in_force == ["acme-shop"]
    assert [said.partition(":")[0] for said in wrong["acme"]] == ["destination.access_key"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("FOOTFALL_CLIENT_SECRETS", "hunter2"),
        ("FOOTFALL_CLIENT_SECRETS", "acme=env:FOOTFALL_IMPORT_KEY"),
        ("FOOTFALL_CLIENT_HOSTS", "http://minio"),
        ("FOOTFALL_BUCKET_FOLDERS", "srv"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(footfall, setting, value):
    footfall.settings[setting] = value

    done = footfall("clients")

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert setting in line
    assert "hunter2" not in line


def test_a_secret_of_another_reaches_nobody_and_ones_own_reaches_ones_store(told, footfall, listening):
    """The listener stands for a server of the thief's; who may be asked is then the one that is."""
    listening.settimeout(30)
    port = listening.getsockname()[1]
    environment = {"FOOTFALL_IMPORT_KEY": "s3cret-import-key", "CLIENT_ALPHA_KEY": "s3cret-of-alpha"}

    def thief(access, secret, endpoint):
        return client(
            "thief",
            destination={
                "url": "s3://thief-data",
                "endpoint": endpoint,
                "access_key": access,
                "secret_key": secret,
                "region": "eu-west-1",
            },
        )

    here = f"http://127.0.0.1:{port}"
    tries = [
        thief("env:FOOTFALL_IMPORT_KEY", "env:FOOTFALL_IMPORT_KEY", here),
        thief("env:CLIENT_ALPHA_KEY", "env:CLIENT_ALPHA_KEY", here),
        thief("env:CLIENT_THIEF_KEY", "env:CLIENT_THIEF_KEY", here),
        thief("env:CLIENT_THIEF_KEY", "env:CLIENT_THIEF_KEY", f"http://2130706433:{port}"),
    ]
    for each in tries:
        told(client("alpha"), each, **environment)
        for command in (("clients", "test", "thief"), ("doctor",)):
            done = footfall(*command)
            assert done.returncode == 1
            assert "s3cret" not in done.stdout + done.stderr
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        listening.accept()

    listening.setblocking(True)
    told(client("alpha"), tries[2], FOOTFALL_CLIENT_HOSTS=f"127.0.0.1:{port}", CLIENT_THIEF_KEY="own-key")
    # Nobody answers in HTTP, so that it fails; but it was asked, which shows that the above can fail.
    listening.settimeout(30)
    got = []

    def answer():
        for _ in range(8):
            try:
                peer, _address = listening.accept()
            except OSError:
                return
            with peer:
                got.append(peer.recv(65536))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    assert footfall("clients", "test", "thief").returncode == 1
    listening.close()
    assert b"own-key" in b"".join(got)
    assert b"s3cret" not in b"".join(got)
