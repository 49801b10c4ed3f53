"""Two machines that reach the same buckets, and the bundle by which a client goes from one to the other."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.client_files import client
from support.manifests import HOUR, deliver

from commands.cli import main
from footfall.handoffs import MANIFEST
from footfall.settings import Settings
from footfall.signatures import Signer
from footfall.store import LocalStore


class Machines:
    """Two machines that reach the same buckets; `on` says at which one a command is given."""

    def __init__(self, folder, capsys, monkeypatch):
        self.folder, self._capsys, self._monkeypatch = folder, capsys, monkeypatch
        self.buckets = {name: LocalStore(folder / f"{name}-bucket") for name in ("acme", "bolt")}
        self.bundle = LocalStore(folder / "bundle")
        self.on("old")
        for name, store in self.buckets.items():
            store.root.mkdir()
            self.write(client(name, store.root.as_uri()))
            for n in range(2):
                deliver(store, client_id=name, start=HOUR + timedelta(hours=n))

    def on(self, name):
        place = self.folder / name
        self.home, self.clients, self.lake = place / "home", place / "clients", LocalStore(place / "lake")
        self.clients.mkdir(parents=True, exist_ok=True)
        environ = {
            "FOOTFALL_HOME": str(self.home),
            "FOOTFALL_CLIENTS": str(self.clients),
            "FOOTFALL_LAKE": self.lake.root.as_uri(),
            "FOOTFALL_BACKUP": (place / "backup").as_uri(),
            # Folders of tests may lie where no client has a bucket unasked.
            "FOOTFALL_BUCKET_FOLDERS": str(self.folder),
            "FOOTFALL_ENV_FILE": "/dev/null",
            "FOOTFALL_UI_PORT": "1",
        }
        for variable, value in environ.items():
            self._monkeypatch.setenv(variable, value)
        self.settings = Settings.from_environ(environ)
        return self

    def write(self, document):
        (self.clients / f"{document['client_id']}.yaml").write_text(yaml.safe_dump(document))

    def __call__(self, *words):
        code = main([*words])
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out + said.err

    def refused(self, *words):
        """The one line in which a command was refused."""
        code, said = self(*words)
        assert code == 1, said
        [line] = said.splitlines()
        return line

    def handoff(self, folder="bundle"):
        return self("clients", "handoff", "acme", str(self.folder / folder))

    def take(self, *more, folder="bundle"):
        return self.on("new").refused("clients", "take", "acme", str(self.folder / folder), *more)

    def rows(self):
        with closing(sqlite3.connect(self.home / "ledger.sqlite")) as ledger:
            return ledger.execute(
                "SELECT client_id, period_start, revision, state FROM revisions ORDER BY 1, 2, 3"
            ).fetchall()

    def put_document(self, document, key=None):
        """The bundle's manifest as somebody who has another key would write it."""
        signed = Signer(key or Ed25519PrivateKey.generate())
        data = json.dumps(signed.sign({k: v for k, v in document.items() if k != "signature"})).encode()
        self.bundle.put(MANIFEST, data)
        self.bundle.put(f"home/keys/public/{signed.key_id}.pem", signed.public_pem)
        return signed

    def document(self):
        return json.loads(self.bundle.get(MANIFEST))
