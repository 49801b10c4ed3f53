"""A collector that takes events while nobody has said whose a client's id is."""

import yaml
from support.client_files import client
from support.collectors import CLIENT_FILE, SITE, CollectorProcess, batch, wire_event
from support.waiting import wait_until

from commands.registry import put_in_force
from footfall.clients import registry_of
from footfall.settings import Settings

STUDIO = client(
    "demo",
    "file://${FOOTFALL_HOME}/buckets/studio",
    sites=[{"site_id": "studio", "key": "pk_studio_1234", "domains": ["studio.example"]}],
)


def test_events_of_the_new_files_sites_are_kept_under_the_id_while_nothing_is_delivered(tmp_path):
    at = CollectorProcess(tmp_path)
    file = tmp_path / "clients" / "demo.yaml"
    file.parent.mkdir()
    file.write_text(CLIENT_FILE)
    settings = Settings.from_environ(at.environ)
    put_in_force(settings)
    at.start()
    try:
        file.write_text(yaml.safe_dump(STUDIO))
        assert set(registry_of(settings).stopped) == {"demo"}, "it waits for a person"

        def sent(key, event_id):
            event = wire_event(event_id, url="https://studio.example/")
            return at.ask("POST", f"/collect?site={key}", batch(event, site=key)).status

        never = "the collector has not read the new file"
        wait_until(lambda: sent("pk_studio_1234", "event-0001") == 204, never)
        line = at.await_stored("event-0001")

        assert (line["client_id"], line["site_id"]) == ("demo", "studio")
        assert sent(SITE, "event-0002") >= 400, "the file names the old site no more"
    finally:
        at.end()
