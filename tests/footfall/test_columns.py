"""The catalogue of the stored event: nothing that a line says is lost, and no column comes from nowhere."""

from collections import Counter

import pytest

from footfall.catalogue.columns import (
    ENRICHABLE,
    EVENT,
    LINE,
    QUARANTINE,
    OfEvent,
    OfLine,
    OfRequest,
    fields_of,
    sources,
)
from footfall.catalogue.ingested import INGESTED
from footfall.catalogue.tables import TABLES

OF_KIND = {"event": EVENT, "refused": QUARANTINE}


@pytest.mark.parametrize("kind", OF_KIND)
def test_every_field_of_a_line_has_a_column_or_says_what_becomes_of_it(kind):
    held = set(sources(OF_KIND[kind], OfLine).values())

    lost = [field.name for field in fields_of(kind) if field.name not in held and not field.becomes]
    assert lost == []
    assert [field.name for field in fields_of(kind) if field.name in held and field.becomes] == []


@pytest.mark.parametrize("kind", OF_KIND)
def test_no_column_comes_from_a_field_that_its_lines_have_not(kind):
    assert set(sources(OF_KIND[kind], OfLine).values()) <= {field.name for field in fields_of(kind)}


def test_the_fields_of_a_line_stand_in_the_order_they_ever_had():
    """It is part of the bytes of raw objects, and of their names."""
    written = {kind: " ".join(field.name for field in fields_of(kind)) for kind in ("event", "refused")}

    assert written == {
        "event": "v kind client_id site_id event_id type received_at occurred_at visitor_id user_agent host "
        "is_declared_host gpc dnt previous_visitor_id consent_tier consent_declared session_id user_id "
        "country region city client_hints lost sent_at source redactions agent asn_class event",
        "refused": "v kind client_id site_id received_at reason detail body redactions",
    }


@pytest.mark.parametrize("table", INGESTED, ids=lambda table: table.name)
def test_a_table_names_each_column_once_and_says_what_it_means(table):
    assert [name for name, n in Counter(column.name for column in table.columns).items() if n > 1] == []
    assert all(column.meaning.endswith(".") for column in table.columns)


def test_no_field_of_the_event_is_two_columns():
    taken = [field for of in (OfEvent, OfRequest) for field in sources(EVENT, of).values()]

    assert len(taken) == len(set(taken)) > 10
    assert {field.name for field in LINE if field.of == ("refused",)} & set(taken) == set()


def test_what_is_learnt_later_is_no_fact_of_the_receipt():
    facts = {"event_id", "client_id", "site_id", "received_at", "occurred_at", "visitor_id", "consent_tier"}

    assert facts & set(ENRICHABLE) == set()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_is_personal_in_a_stored_event_is_so_in_every_table(table):
    """Where a table shows that very column: its own clock and order tell which it has."""
    personal = {column.name for column in EVENT if column.personal}
    impersonal = {column.name for column in EVENT if not column.personal}

    assert set(table.order) & personal <= set(table.personal)
    assert set(table.personal) & impersonal == set()
