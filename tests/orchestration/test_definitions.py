"""The code location loads; every asset says what it is and whose, and queues for the warehouse."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest
from support.orchestration_builders import add_event, event, land, warehouse

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.catalogue.periods import HOUR_FORMAT
from footfall.clients import load_registry
from footfall.durable import known_version
from footfall.hours import HOUR, floor
from footfall.settings import Settings
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration import loading
from orchestration.ingest.schema import create_statements
from orchestration.ingest.versions import ingest_version
from orchestration.loading import build_defs
from orchestration.modelling.project import prepare
from orchestration.partitions import each_hour, zone_name

ROOT = Path(__file__).resolve().parents[2]
FIRST_HOUR = floor(datetime.now(UTC)) - 30 * HOUR

#: Written by whatever delivers, made by no step of its own.
LEDGER = "deliveries/ledger"
#: Written by the probe, made by no step of its own.
DESTINATIONS = "deliveries/destinations"

Load = Callable[..., dg.Definitions]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


#: Reads log buckets, in a job of its own.
LOGS = "sources/access_logs"
#: Metered once a day from the backup bucket.
USAGE = "deliveries/usage_daily"
#: A partition a domain, in a job of its own.
DOMAIN = "discovery/domain"
#: Written by a sensor: erasures are jobs of commands.
ERASURES = "privacy/erasures"


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Load the code location with a folder of client files, in a state folder of its own."""
    home = tmp_path_factory.mktemp("state")
    (home / "first_hour").write_text(f"{FIRST_HOUR:%Y-%m-%dT%H}\n")
    prepare(home)

    def load(clients: Path, **more: str) -> dg.Definitions:
        given = {"FOOTFALL_HOME": str(home), "FOOTFALL_CLIENTS": str(clients), **more}
        return build_defs(Settings.from_environ(given))

    return load


@pytest.fixture(scope="module")
def graph(load: Load):
    """The assets, with the repository's clients."""
    return load(ROOT / "clients").resolve_asset_graph()


def _nodes(graph):
    return {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}


def test_every_part_of_the_path_is_an_asset(graph):
    assert {
        "ingest/events",
        "ingest/quarantine",
        "ingest/sites",
        "staging/stg_web__events",
        "events",
        "page_views",
        "sessions",
        "visitors",
        "daily_metrics",
        "marts/published",
        "deliveries/agency/events",
        "deliveries/agency/daily-metrics",
        "deliveries/demo/sessions",
    } <= set(_nodes(graph))


def test_every_asset_has_a_description_a_group_and_an_owner(graph):
    for name, node in _nodes(graph).items():
        assert node.description and node.description.strip(), name
        assert node.group_name and node.group_name != "default", name
        assert node.owners, name


def test_every_asset_that_touches_the_warehouse_queues_for_it(graph):
    """DuckDB lets in one process at a time. Log buckets are read without it."""
    without = {name for name, node in _nodes(graph).items() if node.pools != {"warehouse"}}
    assert without == {LOGS, DOMAIN, LEDGER, DESTINATIONS, USAGE, ERASURES}


def test_every_asset_has_partitions_and_all_but_daily_files_have_hours(graph):
    for name, node in _nodes(graph).items():
        if name in (LEDGER, DESTINATIONS, ERASURES):
            continue
        is_daily = "daily-metrics" in name or name == USAGE
        expected = dg.DailyPartitionsDefinition if is_daily else dg.HourlyPartitionsDefinition
        if name == DOMAIN:
            expected = dg.DynamicPartitionsDefinition
        assert isinstance(node.partitions_def, expected), name


def test_every_asset_is_reached_from_the_raw_objects(graph):
    """An asset without a way from ingest would be built from nothing or from yesterday."""
    reached = {name for name in _nodes(graph) if name.startswith("ingest/")} | {LOGS}
    while True:
        more = {
            name
            for name, node in _nodes(graph).items()
            if {parent.to_user_string() for parent in node.parent_keys} & reached
        }
        if more <= reached:
            break
        reached |= more

    assert set(_nodes(graph)) - reached == {
        "staging/referrer_hosts",
        DOMAIN,
        LEDGER,
        DESTINATIONS,
        USAGE,
        ERASURES,
    }, "a seed is a file"


def test_hours_start_with_the_first_one_and_include_the_running_one(graph):
    before = floor(datetime.now(UTC))
    hours = _nodes(graph)["ingest/events"].partitions_def.get_partition_keys()
    after = floor(datetime.now(UTC))

    assert hours[0] == FIRST_HOUR.strftime(HOUR_FORMAT)
    assert hours[-1] in {before.strftime(HOUR_FORMAT), after.strftime(HOUR_FORMAT)}


def test_days_start_with_the_local_day_of_the_first_hour(graph):
    agency = _nodes(graph)["deliveries/agency/daily-metrics"].partitions_def

    assert agency.timezone == "Europe/Berlin"
    assert agency.get_partition_keys()[0] == f"{FIRST_HOUR.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d}"


def test_one_job_an_hour_and_one_a_day_for_each_time_zone(load):
    definitions = load(ROOT / "clients")

    assert {(s.name, s.execution_timezone) for s in definitions.schedules} == {
        ("access_logs", "UTC"),
        ("verify_domains", "UTC"),
        ("upkeep", "UTC"),
        ("retention", "UTC"),
        ("probe_destinations", "UTC"),
        ("usage_daily", "UTC"),
        ("check_buckets", "UTC"),
        ("hourly", "UTC"),
        ("daily_utc", "UTC"),
        ("daily_europe_berlin", "Europe/Berlin"),
    }
    # No client file of the repository has a log bucket to read.
    running = {s.name for s in definitions.schedules if s.default_status == dg.DefaultScheduleStatus.RUNNING}
    assert running == {
        "hourly",
        "verify_domains",
        "upkeep",
        "retention",
        "probe_destinations",
        "usage_daily",
        "check_buckets",
        "daily_utc",
        "daily_europe_berlin",
    }
    for schedule in definitions.schedules:
        assert schedule.description
        assert definitions.resolve_job_def(schedule.name).description
    assert {sensor.name for sensor in definitions.sensors} >= {
        "alerts",
        "new_domains",
        "deliveries_due",
    }


def test_the_hourly_job_takes_everything_but_the_daily_files(load, graph):
    job = load(ROOT / "clients").resolve_job_def("hourly")

    backfill = load(ROOT / "clients").resolve_job_def("backfill")
    taken = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert backfill.asset_layer.executable_asset_keys == job.asset_layer.executable_asset_keys
    assert taken == {name for name in _nodes(graph) if "daily-metrics" not in name} - {
        LOGS,
        DOMAIN,
        LEDGER,
        DESTINATIONS,
        USAGE,
        ERASURES,
    }


def test_a_live_export_has_parts_of_its_own_and_a_job_every_few_minutes(load, tmp_path):
    clients = tmp_path / "clients"
    shutil.copytree(ROOT / "clients", clients)
    file = clients / "demo.yaml"
    file.write_text(file.read_text().replace("cadence: hourly", "cadence: live, live_minutes: 10", 1))

    definitions = load(clients)

    [schedule] = [s for s in definitions.schedules if s.name == "live"]
    assert (schedule.cron_schedule, schedule.default_status.value) == ("12-59/10 * * * *", "RUNNING")
    jobs = {name: definitions.resolve_job_def(name).asset_layer for name in ("live", "hourly")}
    taken = {
        name: {key.to_user_string() for key in layer.executable_asset_keys} for name, layer in jobs.items()
    }
    parts = {name for name in taken["live"] if name.startswith("deliveries/")}
    assert parts == {"deliveries/demo/events/live"}
    assert not parts & taken["hourly"]
    # A model that is left out would not learn what the others touched.
    windowed = {
        name
        for name in taken["hourly"]
        if "/" not in name or name.startswith(("ingest", "staging", "intermediate"))
    }
    whole = {"identity_map", "url_metadata", "daily_metrics", "retention_weekly"}
    assert taken["live"] - parts == windowed - whole


@pytest.mark.parametrize(
    ("timezone", "name"),
    [("UTC", "utc"), ("America/Argentina/Buenos_Aires", "america_argentina_buenos_aires")],
)
def test_a_time_zone_becomes_part_of_a_name(timezone, name):
    assert zone_name(timezone) == name


def test_a_broken_client_file_is_set_aside_and_told_and_the_others_stay(load, tmp_path):
    clients = tmp_path / "clients"
    shutil.copytree(ROOT / "clients", clients)
    (clients / "demo.yaml").write_text("client_id: demo\nname: [unfinished\n")

    definitions = load(clients)

    assets = _nodes(definitions.resolve_asset_graph())
    assert "deliveries/agency/events" in assets
    assert not [name for name in assets if name.startswith("deliveries/demo")]
    [check] = _checks_of_an_hour(clients, tmp_path, "client_files_are_valid")
    assert not check.passed
    assert check.metadata["clients"].value == 1
    assert "demo.yaml" in check.metadata["mistakes"].value


def test_with_sound_client_files_the_check_passes(load, tmp_path):
    load(ROOT / "clients")

    for name in ("client_files_are_valid", "every_line_is_accounted_for"):
        [check] = _checks_of_an_hour(ROOT / "clients", tmp_path, name)
        assert check.passed


def test_without_any_client_the_code_location_loads(load, tmp_path):
    definitions = load(tmp_path / "nowhere")

    assert "ingest/events" in _nodes(definitions.resolve_asset_graph())
    assert {schedule.name for schedule in definitions.schedules} - {
        "upkeep",
        "retention",
        "probe_destinations",
        "usage_daily",
    } == {
        "access_logs",
        "verify_domains",
        "hourly",
    }


def test_an_hour_says_what_it_was_read_of_so_that_a_late_object_makes_what_follows_stale(load, tmp_path):
    load(ROOT / "clients")
    lake = LocalStore(tmp_path / "lake")

    empty, again = (_versions(_hour(ROOT / "clients", tmp_path)) for _ in range(2))
    land(lake, FIRST_HOUR, event("event-0001", FIRST_HOUR))
    late = _versions(_hour(ROOT / "clients", tmp_path))

    assert empty == again
    changed = {name for name in empty if empty[name] != late[name]}
    assert changed == {"ingest/events", "ingest/quarantine"}
    assert {code for code, _ in late.values()} == {ingest_version()}


def _versions(result):
    """Asset → (code version, data version) of its materialisation."""
    return {
        made.materialization.asset_key.to_user_string(): (
            made.materialization.tags["dagster/code_version"],
            made.materialization.tags["dagster/data_version"],
        )
        for made in (e.step_materialization_data for e in result.get_asset_materialization_events())
    }


def _checks_of_an_hour(clients: Path, folder: Path, name: str):
    """Ingest an empty hour with these client files, and return the results of one check."""
    result = _hour(clients, folder)
    return [check for check in result.get_asset_check_evaluations() if check.check_name == name]


def _hour(clients: Path, folder: Path):
    """Ingest the first hour with these client files, of the lake in `folder`."""
    from orchestration.defs.ingest.assets import ingest
    from orchestration.resources.clients import Clients
    from orchestration.resources.lake import Lake
    from orchestration.resources.state import State
    from orchestration.resources.warehouse import Warehouse

    lake = LocalStore(folder / "lake")
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [each_hour(ingest, FIRST_HOUR)],
            instance=instance,
            partition_key=FIRST_HOUR.strftime(HOUR_FORMAT),
            resources={
                "lake": Lake(url=lake.root.as_uri()),
                "warehouse": Warehouse(database=str(folder / "warehouse.duckdb")),
                "clients": Clients(folder=str(clients)),
                "state": State(
                    home=str(folder),
                    ledger_path=str(folder / "ledger.sqlite"),
                    dbt_folder=str(folder / "dbt"),
                ),
            },
            run_config=QUIET,
        )
    assert result.success
    return result


@pytest.mark.parametrize(
    "spoilt",
    [
        "client_id: agency\nname: [unfinished\n",
        (ROOT / "clients" / "agency.yaml")
        .read_text()
        .replace("file://${FOOTFALL_HOME}/", "file://relative/"),
    ],
    ids=["unreadable", "no such store"],
)
def test_a_client_file_spoilt_after_loading_holds_up_no_other_client(load, tmp_path, spoilt):
    delivering = _Delivering(load, tmp_path)
    (tmp_path / "clients" / "agency.yaml").write_text(spoilt)

    with dg.DagsterInstance.ephemeral() as instance:
        result = delivering.run(instance, raise_on_error=False)

    assert not result.success
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data.description.startswith(
        "2 deliveries failed, all others are done. agency/"
    )
    seen = verify_bucket(LocalStore(tmp_path / "buckets" / "demo"))
    assert (seen.manifests, seen.rows, seen.problems) == (2, 1, [])


def test_a_file_that_is_gone_from_a_bucket_fails_the_check_of_its_export_and_no_run(load, tmp_path):
    delivering = _Delivering(load, tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        assert delivering.run(instance).success
        sound = delivering.check(instance)
        bucket = LocalStore(tmp_path / "buckets" / "demo")
        [file] = [info.key for info in bucket.list("events/dt=") if info.key.endswith(".csv")]
        bucket.delete(file)
        found = delivering.check(instance)

    exports = {"agency/daily-metrics", "agency/events", "agency/sessions"} | {
        "demo/daily-metrics",
        "demo/events",
        "demo/sessions",
    }
    assert {name for name, check in sound.items() if check.passed} == exports
    assert sound["demo/events"].metadata["periods in main"].value == 1
    assert {name for name, check in found.items() if not check.passed} == {"demo/events"}
    assert found["demo/events"].severity == dg.AssetCheckSeverity.ERROR
    assert found["demo/events"].metadata["wrong"].value == f"main: {file}: is missing"


def test_what_lies_beside_the_deliveries_fails_the_check_of_the_clients_first_export(load, tmp_path):
    delivering = _Delivering(load, tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        assert delivering.run(instance).success
        bucket = LocalStore(tmp_path / "buckets" / "demo")
        [key] = [info.key for info in bucket.list("_keys/")]
        for each in (key, "_log/checkpoint", "sessions/_latest.json"):
            bucket.delete(each)
        found = {
            name: check.metadata["wrong"].value
            for name, check in delivering.check(instance).items()
            if not check.passed
        }

    assert found == {
        "demo/events": f"main: {key}: is missing\nmain: _log/checkpoint: is missing",
        "demo/sessions": "main: sessions/_latest.json: is missing",
    }


def test_what_a_bucket_lost_of_an_export_that_is_ordered_no_more_fails_the_check_of_the_first(load, tmp_path):
    delivering = _Delivering(load, tmp_path)
    file = tmp_path / "clients" / "demo.yaml"
    with dg.DagsterInstance.ephemeral() as instance:
        assert delivering.run(instance).success
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if "name: sessions" not in line))
        delivering.definitions = load(tmp_path / "clients")
        assert all(check.passed for check in delivering.check(instance).values())
        bucket = LocalStore(tmp_path / "buckets" / "demo")
        [manifest] = [info.key for info in bucket.list("sessions/dt=") if info.key.endswith("_manifest.json")]
        for each in (manifest, "sessions/_latest.json"):
            bucket.delete(each)
        found = {
            name: check.metadata["wrong"].value
            for name, check in delivering.check(instance).items()
            if not check.passed
        }

    assert found == {"demo/events": f"main: {manifest}: is missing\nmain: sessions/_latest.json: is missing"}


def test_where_a_file_is_another_owners_the_check_says_so_and_looks_into_none_of_its_buckets(load, tmp_path):
    from orchestration.resources.clients import Clients

    delivering = _Delivering(load, tmp_path)
    last_good = str(tmp_path / "last-good-clients")
    delivering.resources["clients"] = Clients(folder=str(tmp_path / "clients"), last_good=last_good)
    file = tmp_path / "clients" / "demo.yaml"
    with dg.DagsterInstance.ephemeral() as instance:
        assert delivering.run(instance).success
        others = {
            "buckets/demo": "buckets/other",
            "pk_shop_Hn40rBy6": "pk_other_12345678",
            " shop\n": " other\n",
        }
        text = file.read_text()
        for had, other in others.items():
            text = text.replace(had, other)
        file.write_text(text)
        found = delivering.check(instance)["demo/events"]

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "footfall clients end demo" in found.metadata["wrong"].value
    assert "periods in main" not in found.metadata


class _Delivering:
    """The hourly exports of the repository's clients, with one event of `demo` to deliver."""

    def __init__(self, load: Load, folder: Path) -> None:
        from orchestration.resources.clients import Clients
        from orchestration.resources.destinations import Destinations
        from orchestration.resources.state import State
        from orchestration.resources.warehouse import Warehouse

        shutil.copytree(ROOT / "clients", folder / "clients")
        self.definitions = load(folder / "clients")
        self.resources = {
            "warehouse": Warehouse(database=str(folder / "warehouse.duckdb")),
            "clients": Clients(folder=str(folder / "clients")),
            "destinations": Destinations(home=str(folder), backup_url=(folder / "backup").as_uri()),
            "state": State(
                home=str(folder),
                ledger_path=str(folder / "ledger.sqlite"),
                dbt_folder=str(folder / "dbt"),
            ),
        }
        with warehouse(folder / "warehouse.duckdb") as connection:
            for statement in create_statements():
                connection.execute(statement)
            connection.execute("CREATE TABLE ingest.state_version (version INTEGER)")
            version = known_version("warehouse.duckdb")
            connection.execute("INSERT INTO ingest.state_version VALUES (?)", [version])
            connection.execute("INSERT INTO ingest.hours (received_hour) VALUES (?)", [FIRST_HOUR])
            add_event(connection, "event-0001", hour=FIRST_HOUR)
            connection.execute(
                "INSERT INTO ingest.receipts VALUES (?, 'demo', 'shop', NULL, 1, 0, 0, 0)", [FIRST_HOUR]
            )

    def run(
        self,
        instance: dg.DagsterInstance,
        export: str = "events",
        partition: str = FIRST_HOUR.strftime(HOUR_FORMAT),
        **how: bool,
    ) -> dg.ExecuteInProcessResult:
        """Deliver a period, the first hour."""
        key = dg.AssetKey(["deliveries", "demo", export])
        deliveries = next(assets for assets in self.definitions.assets if key in assets.keys)
        return dg.materialize(
            [deliveries],
            instance=instance,
            partition_key=partition,
            resources=self.resources,
            run_config=QUIET,
            **how,
        )

    def check(self, instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
        """`client/export` → what the daily look into its buckets found."""
        job = self.definitions.resolve_job_def("check_buckets")
        done = job.execute_in_process(instance=instance, resources=self.resources, run_config=QUIET)
        assert done.success
        return {
            each.asset_key.to_user_string().removeprefix("deliveries/"): each
            for each in done.get_asset_check_evaluations()
        }


def test_a_day_of_any_age_that_changed_is_delivered_again_by_the_run_of_a_sunday(load, tmp_path):
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    sunday = today - timedelta(days=today.isoweekday())
    days = [sunday - timedelta(days=n) for n in (14, 1, 0)]
    (tmp_path / "first_hour").write_text(f"{days[0]:%Y-%m-%dT%H}\n")
    delivering = _Delivering(partial(load, FOOTFALL_HOME=str(tmp_path)), tmp_path)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        for day in days:
            hours = [(day + n * HOUR,) for n in range(24)]
            connection.executemany("INSERT INTO ingest.hours (received_hour) VALUES (?)", hours)
            connection.execute("INSERT INTO main.daily_metrics VALUES ('demo', 'shop', ?, 7)", [day])
    bucket = LocalStore(tmp_path / "buckets" / "demo")

    def revisions(delivered):
        with dg.DagsterInstance.ephemeral() as instance:
            assert delivering.run(instance, "daily-metrics", f"{delivered:%Y-%m-%d}").success
        folder = f"daily-metrics/dt={days[0]:%Y-%m-%d}/"
        return sum(each.key.endswith("/_manifest.json") for each in bucket.list(folder))

    assert revisions(days[0]) == 1
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("UPDATE main.daily_metrics SET visitors = 8 WHERE date = ?", [days[0]])

    assert [revisions(day) for day in days[1:]] == [1, 2]


def test_every_asset_and_job_says_what_to_do_when_it_is_red(load, graph):
    silent = {
        name
        for name, node in _nodes(graph).items()
        if "When " not in (node.description or "") and not name.startswith("staging/referrer")
    }
    assert silent == set()
    definitions = load(ROOT / "clients")
    for job in definitions.resolve_all_job_defs():
        if not job.name.startswith("__"):
            assert "When it is red: " in (job.description or ""), job.name


def test_descriptions_read_well_in_lists_which_show_markdown_as_it_is_written(load, graph):
    definitions = load(ROOT / "clients")
    described = {
        **{name: node.description for name, node in _nodes(graph).items()},
        **{job.name: job.description for job in definitions.resolve_all_job_defs()},
        **{each.name: each.description for each in (*definitions.sensors, *definitions.schedules)},
    }
    assert [name for name, text in described.items() if "*" in (text or "")] == []


def test_who_decides_of_a_domain_fills_in_one_field_and_a_domain_that_waits_is_missing(load, tmp_path):
    from orchestration.discovery import domain_rows, domains
    from orchestration.discovery.database import registry
    from orchestration.partitions import DOMAINS

    secret = "not-to-be-shown"
    definitions = load(ROOT / "clients", FOOTFALL_HOME=str(tmp_path), FOOTFALL_BILLING_SECRET=secret)
    job, sensor = definitions.resolve_job_def("decide_domain"), definitions.resolve_sensor_def("new_domains")
    (client,) = (each for each in load_registry(ROOT / "clients").clients if each.client_id == "demo")
    with registry(tmp_path / "registry.sqlite") as book:
        for n in range(domains.PENDING_HOURS):
            seen = [domains.Sighting("shop", "new.example", domains.PENDING_EVENTS)]
            domains.observe(book, client, FIRST_HOUR + n * HOUR, seen, now=datetime.now(UTC))
    shown = dg.validate_run_config(job, {})
    assert secret not in str(shown)
    assert [name for name, of in shown["resources"].items() if of.get("config")] == []
    assert shown["ops"]["discovery__domain"]["config"] == {"decision": ""}

    key = dg.AssetKey(["discovery", "domain"])
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        resources = {"domains": definitions.resources["domains"]}
        with dg.build_sensor_context(instance, definitions=definitions, resources=resources) as context:
            tick = sensor.evaluate_tick(context)
        assert [each.partition_keys for each in tick.dynamic_partitions_requests] == [["demo/new.example"]]
        (event,) = tick.asset_events
        assert isinstance(event, dg.AssetObservation)
        instance.add_dynamic_partitions(DOMAINS, ["demo/new.example"])
        done = job.execute_in_process(
            instance=instance,
            partition_key="demo/new.example",
            run_config={
                "ops": {"discovery__domain": {"config": {"decision": "approve by anna"}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
        assert done.success
        assert instance.get_materialized_partitions(key) == {"demo/new.example"}
    with registry(tmp_path / "registry.sqlite") as book:
        assert domain_rows.last_decisions(book)["demo", "new.example"][:2] == ("approve", "anna")


def test_every_asset_links_to_a_section_of_the_runbook(graph):
    text = (ROOT / "docs" / "runbook.md").read_text()
    titles = {line.removeprefix("## ").lower().replace("`", "") for line in text.splitlines()}
    for name, node in _nodes(graph).items():
        section = str(node.metadata["runbook"].value).partition("#")[2]
        assert section.replace("-", " ") in titles, name


def test_every_model_links_to_its_own_page_of_the_dbt_docs(graph):
    models = {name: node for name, node in _nodes(graph).items() if "dagster_dbt/unique_id" in node.metadata}

    assert "sessions" in models
    for name, node in models.items():
        page, _, route = str(node.metadata["dbt docs"].value).partition("#!/")
        assert page == Settings.from_environ({}).dbt_docs_url
        assert re.fullmatch(rf"(model|seed)/\1\.footfall\.{name.rpartition('/')[2]}", route), route


def test_everything_that_is_made_of_each_hour_or_day_says_when_it_is_late(load):
    timed = {
        spec.key.to_user_string(): spec.freshness_policy
        for spec in load(ROOT / "clients").resolve_all_asset_specs()
    }
    # Log buckets are read only where a client has one, a domain is decided by a person.
    assert {name for name, policy in timed.items() if policy is None} == {LOGS, DOMAIN, ERASURES}
    daily, hourly = timed["deliveries/agency/daily-metrics"], timed["deliveries/agency/events"]
    assert (daily, hourly) == (loading.DAILY, loading.HOURLY)


def test_every_sensor_schedule_and_check_says_what_it_is_for(load, graph):
    definitions = load(ROOT / "clients")
    for each in (*definitions.sensors, *definitions.schedules):
        assert each.description and each.description.strip(), each.name
    # A test of dbt has its sentence as its name.
    for key in (key for key in graph.asset_check_keys if key.asset_key.path[0] == "ingest"):
        assert graph.get_check_spec(key).description, key


def test_every_asset_has_kinds_and_tags_and_every_delivery_its_client_as_one(graph):
    for name, node in _nodes(graph).items():
        assert node.group_name == node.tags["layer"] or node.group_name.startswith("deliveries_"), name
        kinds = {tag for tag in node.tags if tag.startswith("dagster/kind/")}
        assert kinds, name
        parts = name.split("/")
        if parts[0] == "deliveries" and len(parts) == 3:
            assert (node.tags["client"], node.tags["layer"]) == (parts[1], "deliveries")
            assert node.group_name == f"deliveries_{parts[1]}"


def test_every_partitioned_asset_takes_a_range_as_one_run(graph):
    """A backfill of a month is one run that opens the warehouse once, and not 720 that queue for it."""
    for name, node in _nodes(graph).items():
        if name not in (LEDGER, DESTINATIONS, DOMAIN, ERASURES):
            assert node.backfill_policy == dg.BackfillPolicy.single_run(), name


def test_every_table_says_its_columns_their_types_and_what_they_mean(graph):
    described = {
        name: node.metadata["dagster/column_schema"].columns
        for name, node in _nodes(graph).items()
        if "dagster/column_schema" in node.metadata
    }
    without = {LOGS, DOMAIN, "discovery/domains", "marts/published", LEDGER, DESTINATIONS, USAGE, ERASURES}
    assert set(_nodes(graph)) - set(described) == without, "these are no tables"
    for name, columns in described.items():
        # Of what nobody but models reads, dbt alone knows the types.
        is_typed = "/stg_" not in name and "/int_" not in name and not name.startswith("intermediate/")
        untold = [each.name for each in columns if not each.description or (is_typed and each.type == "?")]
        assert untold == [], name
    assert [each.name for each in described["ingest/events"]] == list(COLUMN_TYPES["events"])
    assert [each.name for each in described["deliveries/demo/events"]] == [
        each.name for each in described["events"]
    ]


def test_an_export_shows_the_columns_that_its_file_has_under_their_names_in_it(load, tmp_path):
    clients = tmp_path / "clients"
    shutil.copytree(ROOT / "clients", clients)
    file = clients / "demo.yaml"
    order = "columns: [event_id, title, amount], rename: {title: heading}, hash: [event_id]"
    file.write_text(file.read_text().replace("dataset: events,", f"dataset: events, {order},", 1))

    node = _nodes(load(clients).resolve_asset_graph())["deliveries/demo/events"]

    columns = node.metadata["dagster/column_schema"].columns
    assert [(each.name, each.type) for each in columns[:2]] == [
        ("event_id", "VARCHAR"),
        ("heading", "VARCHAR"),
    ]
    assert columns[0].description.startswith("SHA-256 with a key of this client")


def test_every_table_has_a_code_version_so_that_stale_means_something(graph):
    without = {name for name, node in _nodes(graph).items() if node.code_version is None}
    assert without == {
        LOGS,
        DOMAIN,
        "discovery/domains",
        "marts/published",
        LEDGER,
        DESTINATIONS,
        USAGE,
        ERASURES,
    }


def test_checks_of_buckets_are_part_of_no_hour_and_no_day(load):
    definitions = load(ROOT / "clients")
    for name in ("hourly", "backfill", "daily_utc", "daily_europe_berlin"):
        keys = definitions.resolve_job_def(name).asset_layer.asset_graph.asset_check_keys
        assert [key for key in keys if key.asset_key.path[0] == "deliveries"] == [], name


def test_the_running_day_is_not_there_to_be_missing(graph):
    days = _nodes(graph)["deliveries/demo/daily-metrics"].partitions_def.get_partition_keys()

    assert f"{datetime.now(UTC):%Y-%m-%d}" not in days
