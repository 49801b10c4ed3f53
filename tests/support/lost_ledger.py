"""A state folder whose ledger was lost, and `footfall deliveries` on it."""

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.manifests import deliver, signer

from commands.cli import main
from footfall.store import LocalStore
from orchestration.delivery.ledger import Ledger

CLIENT = """\
client_id: {0}
name: A Client
sites: [{{site_id: {0}, key: pk_{0}_1234, domains: [{0}.example]}}]
destination: {{url: "{1}"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
"""


class LostLedger:
    """The buckets of two clients, each with one delivery, and no ledger that knows of them."""

    def __init__(self, folder, capsys, monkeypatch):
        self.home, self.folder = folder / "state", folder
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.buckets = {name: LocalStore(folder / name) for name in ("acme", "beta")}
        self.backup = LocalStore(self.home / "buckets" / "backup")
        self.clients = folder / "clients"
        self.clients.mkdir()
        for name, store in self.buckets.items():
            (self.clients / f"{name}.yaml").write_text(CLIENT.format(name, store.root.as_uri()))
            deliver(store, client_id=name)
        monkeypatch.setenv("FOOTFALL_HOME", str(self.home))
        monkeypatch.setenv("FOOTFALL_CLIENTS", str(self.clients))
        self.sign_as(signer())

    def sign_as(self, made):
        (self.home / "keys").mkdir(parents=True, exist_ok=True)
        key = made._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.home / "keys" / "signing-key.pem").write_bytes(key)

    def __call__(self, *arguments):
        code = main(["deliveries", *arguments])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def rows(self):
        ledger = Ledger(self.home / "ledger.sqlite")
        rows = [(row.client_id, row.period_start, row.revision) for row in ledger.all() if row.is_delivered]
        ledger.close()
        return rows
