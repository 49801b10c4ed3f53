"""Sites that a client had: their days are those of its zone, also where nothing saw their entries."""

from datetime import UTC, datetime

import pytest
from support.delivery_story import client_file
from support.orchestration_builders import warehouse

from footfall.clients import load_registry
from footfall.identities import History, Identity
from orchestration.ingest.schema import make_schema
from orchestration.ingest.sites import replace_sites

AT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def connection(tmp_path):
    with warehouse(tmp_path / "warehouse.duckdb") as connection:
        make_schema(connection)
        yield connection


def registry(folder, *, site, had):
    """A client in Berlin with one site, whose identity knows of others too."""
    (folder / "story.yaml").write_text(client_file("Europe/Berlin", site, "first"))
    found = load_registry(folder)
    owner = Identity("story", AT, sites=frozenset(had))
    return found.__class__(found.clients, found.mistakes, histories={"story": History("story", 1, (owner,))})


def sites(connection):
    found = connection.execute("SELECT site_id, timezone, timeout_minutes FROM ingest.sites ORDER BY ALL")
    return found.fetchall()


def test_a_site_that_the_file_names_no_more_has_the_clients_zone_on_a_new_machine(connection, tmp_path):
    replace_sites(connection, registry(tmp_path, site="studio", had={"shop", "studio"}))

    assert sites(connection) == [("shop", "Europe/Berlin", 30), ("studio", "Europe/Berlin", 30)]


def test_a_site_whose_rules_the_warehouse_knows_keeps_them(connection, tmp_path):
    replace_sites(connection, registry(tmp_path, site="shop", had={"shop"}))
    connection.execute("UPDATE ingest.sites SET timeout_minutes = 7, timezone = 'Asia/Kathmandu'")

    replace_sites(connection, registry(tmp_path, site="studio", had={"shop", "studio"}))

    assert sites(connection) == [("shop", "Asia/Kathmandu", 7), ("studio", "Europe/Berlin", 30)]


def test_sites_of_another_owner_of_the_id_are_not_its_own(connection, tmp_path):
    found = registry(tmp_path, site="studio", had={"studio"})
    before = Identity("story", AT, sites=frozenset({"shop"}), ended_at=AT)
    history = History("story", 2, (before, Identity("story.2", AT, sites=frozenset({"studio"}))))
    clients = tuple(client.model_copy(update={"client_id": "story.2"}) for client in found.clients)

    replace_sites(connection, found.__class__(clients, (), histories={"story": history}))

    assert [site for site, *_ in sites(connection)] == ["studio"]
