"""Client files as dicts, and what `footfall clients` says of them."""

import yaml


def client(name, url=None, /, **changes):
    """A client file as a dict; owns nothing that one of another name owns."""
    return {
        "client_id": name,
        "name": name.title(),
        "sites": [{"site_id": name, "key": f"pk_{name}_1234", "domains": [f"{name}.example"]}],
        "destination": {"url": url or f"file://${{FOOTFALL_HOME}}/buckets/{name}"},
        "exports": [{"name": "events", "dataset": "events", "cadence": "hourly"}],
        **changes,
    }


def site(name, *domains):
    return [{"site_id": name, "key": f"pk_{name}_1234", "domains": list(domains)}]


class Asked:
    """`footfall clients` on a folder of these files."""

    def __init__(self, footfall, folder):
        self._footfall = footfall
        footfall.clients = folder
        folder.mkdir()

    def __call__(self, *clients, **settings):
        """Write these files and ask. Returns who is in force, and file → what is wrong with it."""
        for each in clients:
            path = self._footfall.clients / f"{each['client_id']}.yaml"
            path.write_text(yaml.safe_dump(each))
        self._footfall.settings |= settings
        done = self._footfall("clients")
        assert "Traceback" not in done.stderr
        in_force, wrong = [], {}
        for line in done.stdout.splitlines():
            if line.startswith("SET ASIDE  "):
                file, _, said = line.removeprefix("SET ASIDE  ").partition(".yaml: ")
                wrong.setdefault(file, []).append(said)
            else:
                in_force.append(line.partition(":")[0])
        assert done.returncode == (1 if wrong else 0), done.stderr
        return in_force, wrong
