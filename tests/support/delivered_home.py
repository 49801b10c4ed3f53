"""An installation that delivered some hours to its one client, as support.logged makes them, with its state
folder, client file and keys: so commands and the API look at what lies in its buckets.
"""

import shutil

import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.client_files import client as client_file
from support.logged import Logged
from support.manifests import signer


class DeliveredHome:
    """Hours of `events` and `sessions` in the bucket of `acme` and in the backup, which are folders.

    `main`: another bucket, with what the client file says of it in `destination`.
    """

    def __init__(self, folder, hours=3, main=None, destination=None):
        self.at = Logged(folder, main=main)
        self.destination = destination or {"url": self.at.stores["main"].root.as_uri()}
        for n in range(hours):
            assert self.at.run(n) == []
        # As the installation has it: each client below a folder of its own.
        backup = folder / "backups" / "acme"
        backup.parent.mkdir()
        self.at.stores["backup"].root.rename(backup)
        self.at.stores["backup"].root = backup
        self.bucket, self.backup = self.at.stores["main"], self.at.stores["backup"]
        self.home, self.clients = folder / "home", folder / "clients"
        self.clients.mkdir()
        self.order("events", "sessions")
        self.sign_with(signer())

    def entered(self, monkeypatch):
        """The same, and commands of this process are its."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        return self

    @property
    def environment(self):
        """The settings of it."""
        return {
            "FOOTFALL_HOME": str(self.home),
            "FOOTFALL_CLIENTS": str(self.clients),
            "FOOTFALL_BACKUP": self.backup.root.parent.as_uri(),
        }

    def order(self, *exports, **more):
        """Write the client's file."""
        ordered = [{"name": name, "dataset": name, "cadence": "hourly"} for name in exports]
        document = client_file("acme", exports=ordered, **{"destination": self.destination, **more})
        (self.clients / "acme.yaml").write_text(yaml.safe_dump(document))

    def sign_with(self, key):
        """The key that this installation has, and no other."""
        folder = self.home / "keys"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "public").mkdir(parents=True)
        private = key._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "signing-key.pem").write_bytes(private)
        (folder / "public" / f"{key.key_id}.pem").write_bytes(key.public_pem)
