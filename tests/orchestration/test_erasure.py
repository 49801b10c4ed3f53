"""A person goes from every layer, whatever dies on the way and whatever retention left of him before.

One story: three hours, of which retention has let go the events of the first and the raw lines of the second.
"""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from support.erased_home import ANNA, BERT, HASH, TEXTS, USER, DyingHouse, Home
from support.orchestration_builders import Crash
from support.searched import files_with, layers_of

from api.installation import Acting, Refusal
from commands.api_installation import HereInstallation
from commands.backup import backup
from commands.cli import main
from commands.privacy_work import asked_of, house_of, plan
from commands.restore import restore
from footfall.retention import holds
from footfall.settings import Settings
from footfall.store import LocalStore, StoreError
from footfall.verify import verify_bucket
from orchestration.alerting.book import alert_book, note_history
from orchestration.defs.retention import making
from orchestration.modelling.frozen import FIGURES
from orchestration.privacy.erasure import carry_out
from orchestration.privacy.erasure_book import ErasureBook, status
from orchestration.privacy.person import unresolved
from orchestration.retention.retain import retain

DAY = timedelta(days=1)
FIRST = datetime(2025, 3, 1, 10, tzinfo=UTC)
#: Hours whose events are gone, whose raw lines are gone, and of which all is there.
GONE, STORED, WHOLE = HOURS = FIRST, FIRST + 50 * DAY, FIRST + 94 * DAY
NOW = FIRST + 95 * DAY
RULE = "retention: {raw: 30d, quarantine: 50d, events: 60d}\n"
LAYERS = {
    *("lake/raw", "lake/events", "lake/quarantine", "lake/frozen", "lake/marts", "warehouse.duckdb"),
    *("buckets/acme", "buckets/backup", "slices", "outbox", "dbt", "logs", "alerts.sqlite"),
}
TABLES = (
    *("intermediate.int_events_sessionised", "main.events", "main.page_views", "main.sessions"),
    *("main.visitors", "main.identity_map", "main.touches"),
)


class Refusing:
    """A bucket that lets nothing be removed."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def delete(self, key):
        raise StoreError(f"{key}: AccessDenied", retryable=False, code="AccessDenied")


def refusing(house):
    """The house, with a client's bucket that refuses."""
    openings = house.places

    def places(client):
        found = openings(client)
        opened = found["main"].store()
        found["main"]._opening, found["main"]._store = (lambda: Refusing(opened)), None
        return found

    object.__setattr__(house, "places", places)
    return house


def kept(home, now=NOW):
    """Retention, as of a time. Returns what became of the client with a rule."""
    [done] = [
        each for each in retain(making.house_of(home.settings, "job", now=lambda: now)) if each.horizons
    ]
    return done


def home_after_retention(folder, people=("anna", "bert"), keys=None):
    home = Home(folder, people, first=FIRST, rule=RULE, keys=keys)
    for hour in HOURS:
        home.land(hour)
    home.land_odd(STORED)
    home.run(*HOURS, live=HOURS)
    home.correct(WHOLE)
    home.before_retention = what_retention_leaves(home)
    home.retained = kept(home)
    home.after_retention = what_retention_leaves(home)
    return home


def what_retention_leaves(home):
    """Each table of figures, first visits of who is seen after the horizon, and what was delivered."""
    first = "client_id, site_id, visitor_id, first_date, first_seen_at, first_source, first_page"
    return {
        **{table: home.rows(f"SELECT * FROM main.{table} ORDER BY ALL") for table in FIGURES},
        "first visits": home.rows(
            f"SELECT {first} FROM main.visitors WHERE last_seen_at >= '{WHOLE}' ORDER BY ALL"
        ),
        "delivered": home.newest(),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home in which the person is everywhere, with a backup."""
    made = home_after_retention(tmp_path_factory.mktemp("erasure"))
    made.plant()
    with alert_book(made.home / "alerts.sqlite") as alerts:
        note_history(alerts, ["an alert"], "acknowledged", f"a client asked about {USER}", NOW)
    backup(made.settings, (made.folder / "backups").as_uri(), lake=True)
    shutil.copytree(made.folder / "backups" / "lake", made.folder / "copies")
    return made


def of_bert(home):
    return {
        table: home.rows(
            f"SELECT * EXCLUDE ({'object_key' if table.startswith('i') else 'client_id'}) FROM {table} "
            f"WHERE visitor_id = '{BERT}' AND client_id = 'acme' ORDER BY ALL"
        )
        for table in TABLES
    }


def figures_of_gone_days(home):
    return home.rows(f"SELECT * FROM main.daily_metrics WHERE date < '{STORED:%Y-%m-%d}' ORDER BY ALL")


@pytest.fixture(scope="module")
def erased(home):
    """What was before, what was seen on the way, and what is after an erasure that dies at each edge."""
    seen = SimpleNamespace(before=files_with(home.home, *TEXTS), bert=of_bert(home), newest=home.newest())
    seen.figures = figures_of_gone_days(home)
    seen.plan = plan(home.settings, "acme", asked_of({"user": [USER]}, None), is_linked=True)
    seen.after_plan = files_with(home.home, *TEXTS)
    # As the API begins it: who is meant is looked up by the job.
    asked = unresolved("acme", [("visitor", "anna-first-party-id")], is_linked=True)
    book, dying = ErasureBook(home.home), DyingHouse(home)
    now = datetime.now(UTC)
    seen.name = book.begin(asked, reason="", asked_by="officer", now=now, is_for_good=False).id
    lake, desk = LocalStore(home.home / "lake"), house_of(home.settings).desk
    hold = holds.add(lake, desk.signer, "acme", reason="case 17", by="court", now=now, since=WHOLE.date())
    seen.left_when_held = carry_out(book, house_of(home.settings), book.get(seen.name))
    seen.status_when_held = status(book, book.get(seen.name))
    seen.when_held = files_with(home.home / "lake", *TEXTS)
    holds.release(lake, desk.signer, hold, by="court", now=now)
    while True:
        try:
            seen.left = carry_out(book, refusing(dying.house()), book.get(seen.name))
            break
        except Crash:
            continue
    seen.died_at = dying.died_at
    bucket = LocalStore(home.home / "buckets" / "acme")
    [notice] = bucket.list("_erasures/")
    seen.notice = json.loads(bucket.get(notice.key))
    seen.when_left = verify_bucket(bucket, needs_log=True, at=now)
    seen.job_when_left = book.get(seen.name)
    seen.left_at_last = carry_out(book, house_of(home.settings), book.get(seen.name))
    seen.after = files_with(home.home, *TEXTS)
    seen.job = book.get(seen.name)
    seen.certificate = json.loads(seen.job.certificate)
    return seen


@pytest.fixture
def environ(home, monkeypatch):
    monkeypatch.setattr(os, "environ", home.environ)


def test_retention_leaves_each_figure_and_first_visit_and_delivers_nothing_anew(home):
    assert (home.retained.left, home.retained.blocked) == ((), {})
    assert {each["class"] for each in home.retained.removed} == {"raw", "events"}
    assert home.after_retention == home.before_retention
    assert home.rows("SELECT min(received_hour) FROM main.events WHERE client_id = 'acme'") == [(STORED,)]
    assert home.rows("SELECT min(received_hour) FROM ingest.event_index WHERE client_id = 'beta'") == [
        (GONE,)
    ]


@pytest.mark.usefixtures("environ")
def test_a_hold_refuses_an_erasure_in_one_line_at_each_door_and_nothing_is_done(home, capfd):
    before = files_with(home.home, *TEXTS)
    since = ("--since", f"{WHOLE:%Y-%m-%d}")
    assert main(["privacy", "hold", "add", "--client", "acme", "--reason", "case 17", *since]) == 0
    hold = capfd.readouterr().out.split()[1].strip(",")

    assert main(["privacy", "erase", "--client", "acme", "--user", USER, "--dry-run"]) == 1
    assert f"HELD  acme is held ({hold}" in capfd.readouterr().out
    assert main(["privacy", "erase", "--client", "acme", "--user", USER, "--yes"]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "case 17" in said
    assert "footfall privacy hold release" in said
    of_api = Acting("api", datetime.now(UTC))
    assert main(["privacy", "hold", "add", "--client", "acme", "--reason", "case 18"]) == 0
    whole = capfd.readouterr().out.split()[1].strip(",")
    with pytest.raises(Refusal, match="case 18"):
        HereInstallation(home.settings).erase(
            house_of(home.settings).client("acme"),
            [("user", USER)],
            is_linked=True,
            is_for_good=False,
            reason="",
            acting=of_api,
        )
    assert main(["privacy", "erasures"]) == 0
    assert "nobody was erased yet" in capfd.readouterr().out
    assert files_with(home.home, *TEXTS) == before
    for each in (hold, whole):
        assert main(["privacy", "hold", "release", each]) == 0


def test_a_hold_on_later_data_lets_a_job_wait_and_says_why(erased):
    [left] = erased.left_when_held
    assert left.startswith("hold: acme is held")
    assert erased.status_when_held["state"] == "outstanding"
    assert "case 17" in erased.status_when_held["outstanding"]["hold"]
    assert erased.when_held == {
        name.removeprefix("lake/"): texts for name, texts in erased.before.items() if name.startswith("lake/")
    }


def test_a_person_goes_from_every_layer_though_the_process_dies_at_each_edge(home, erased):
    assert layers_of(erased.before) >= LAYERS
    of_raw = "".join(name for name in erased.before if name.startswith("lake/raw/"))
    assert [f"dt={hour:%Y-%m-%d}" in of_raw for hour in HOURS] == [False, False, True]
    assert erased.plan.person.ids == {"user": [USER], "visitor": sorted([ANNA, HASH])}
    assert erased.after_plan == erased.before  # a plan changes nothing
    assert len(erased.died_at) > 30
    assert erased.left_at_last == []
    assert {name for name in erased.after if not name.startswith("buckets/acme/")} == set()
    # rows without raw lines, first visits of before the horizon, and the numbers of days that are gone
    assert of_bert(home) == erased.bert
    assert home.rows("SELECT visitor_id FROM ingest.carried_visitors") == [(BERT,)]
    assert figures_of_gone_days(home) == erased.figures
    for bucket in ("acme", "backup/acme"):
        seen = verify_bucket(LocalStore(home.home / "buckets" / bucket), needs_log=True, at=datetime.now(UTC))
        assert (seen.problems, seen.outstanding, seen.uncommitted) == ([], [], [])
        assert [log.removed["erasure"] for log in seen.logs] == [1]


def test_a_bucket_that_refuses_is_outstanding_and_named_and_taken_again(erased):
    assert [each.partition(":")[0] for each in erased.left] == ["delivered"]
    assert "AccessDenied" in json.dumps(erased.notice["left_to_you"])
    assert USER not in json.dumps(erased.notice)
    assert {each.record.kind for each in erased.when_left.outstanding} == {"erasure"}
    assert erased.job_when_left.person is not None
    assert erased.job.person is None
    assert erased.job.deadline - erased.job.asked_at == timedelta(days=30)


def test_a_period_that_cannot_be_delivered_again_is_named_to_the_client_and_no_failure(home, erased):
    """Our copy of it goes; what the client has is his, and the certificate says so."""
    left = {name.removeprefix("buckets/acme/") for name in erased.after}
    assert left
    assert {name.split("/")[1] for name in left} == {f"dt={GONE:%Y-%m-%d}"}
    named = {each["key"] for each in erased.certificate["left_to_client"]["files"]}
    # of hashed columns no text is to be seen
    assert {key for key in named if not key.startswith("hashed/")} == left
    assert len(named) == len(left) + 1
    assert named <= {each.partition(": ")[0] for each in erased.notice["left_to_you"]}
    now = home.newest()
    moved = {
        start for at, (revision, _) in now.items() for start in [at[1]] if revision > erased.newest[at][0]
    }
    assert {start.date() for start in moved} == {STORED.date(), WHOLE.date()}


@pytest.mark.usefixtures("environ")
def test_the_certificate_says_what_was_looked_for_and_done_and_names_nobody(erased, capfd):
    verify = ["privacy", "certificate", erased.name, "--verify", "--looked-for"]
    assert main([*verify, USER]) == 0
    assert "its signature is right" in capfd.readouterr().out
    assert main([*verify, "bert-user-4711"]) == 1
    assert not any(text in json.dumps(erased.certificate) for text in TEXTS)
    [raw] = [each for each in erased.certificate["steps"] if each["step"] == "raw"]
    assert raw["carried"] == 1
    assert raw["lines"] == 3 + 3 + 3 + 1
    assert main(["privacy", "resume", erased.name]) == 0
    assert main(["privacy", "resume", "nobody"]) == 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("environ")
def test_every_act_of_an_erasure_is_in_the_audit_log_and_names_nobody(home, erased, tmp_path, capfd):
    named = ["--client", "acme", "--user", USER]
    assert main(["privacy", "export", *named, "--to", str(tmp_path / "all.zip")]) == 0
    assert main(["privacy", "certificate", erased.name]) == 0
    assert main(["privacy", "ledger", "acme"]) == 0
    assert f"decided by erasure {erased.name}" in capfd.readouterr().out
    code, said = home.says("privacy", "erase", "--client", "acme", "--user", "nobody-at-all", "--yes")
    assert code == 0, said
    assert ": done" in said
    capfd.readouterr()

    assert main(["audit", "list", "--act", "privacy"]) == 0

    said = capfd.readouterr().out
    for act in ("erase", "erased", "certificate", "export"):
        assert f"privacy.{act} " in said
    assert USER not in said
    assert main(["audit", "verify"]) == 0


def test_the_next_retention_goes_on_and_a_backup_of_before_brings_nobody_back(home, erased, tmp_path):
    done = kept(home, NOW + DAY)
    assert (done.left, done.blocked) == ((), {})
    assert files_with(home.home, *TEXTS) == erased.after

    copies = home.folder / "backups" / "lake"
    assert files_with(copies, *TEXTS) == {}
    for name in ("as it is now", "as it was"):
        if name == "as it was":
            shutil.rmtree(copies)
            shutil.copytree(home.folder / "copies", copies)
        at = tmp_path / name.replace(" ", "-")
        environ = {
            "FOOTFALL_HOME": str(at / "home"),
            "FOOTFALL_CLIENTS": str(at / "clients"),
            "FOOTFALL_BACKUP": (home.home / "buckets" / "backup").as_uri(),
        }
        restore(Settings.from_environ(environ), (home.folder / "backups").as_uri())

        assert files_with(at, *TEXTS) == {}
        assert list(LocalStore(at / "home" / "lake").list("raw/"))
        assert list(LocalStore(at / "home" / "lake").list("frozen/client=acme/carried-"))


@pytest.mark.proof
def test_what_is_left_is_what_a_home_without_the_person_has(home, erased, tmp_path):
    """But for figures that were frozen before, which stay as they were."""
    other = home_after_retention(tmp_path / "other", ("bert",), home.home / "keys")
    del erased

    def files(of):
        return {
            at: files
            for at, (_, files) in of.newest().items()
            if at[1] >= (WHOLE if at[0] == "metrics" else STORED) - DAY
        }

    assert files(home) == files(other)
