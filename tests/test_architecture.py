"""The arrows between the floors, and what else must hold of the whole repository."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest
from support.repository import CODE, PARTS, ROOT, files, imports_of, module_of, name_of, python_files

#: A part → what of ours it may import beside itself, by the longest name. A new arrow is a matter of design.
PLAIN = ("ingest", "modelling", "delivery", "alerting", "discovery", "webhooks", "upkeep", "retention")
#: Erasures are carried out by commands, and looked at by whoever tells of what is late.
_OF_PERSONS = ("privacy.erasure_book", "privacy.request_book", "privacy.waiting_requests")
DOMAINS = tuple(f"orchestration.{each}" for each in (*PLAIN, *_OF_PERSONS))
ARROWS: dict[str, tuple[str, ...]] = {
    "footfall": (),
    "sources": ("footfall",),
    "collector": ("footfall",),
    # HTTP, which knows nothing of events.
    "collector.server": ("footfall.errors",),
    "pixel": (),
    "dbt_project": (),
    "orchestration.definitions": ("footfall", "orchestration.loading"),
    "orchestration.given": ("footfall",),
    "orchestration.loading": (
        "footfall",
        "orchestration.defs",
        "orchestration.given",
        "orchestration.modelling.project",
    ),
    "orchestration.reloading": ("footfall",),
    "orchestration.launcher": (),
    "orchestration.instance_file": ("footfall",),
    "orchestration.history": ("footfall",),
    "orchestration.partitions": ("footfall",),
    # What the UI shows of many partitions at once.
    "orchestration.bars": ("orchestration.partitions",),
    "orchestration.resources": ("footfall",),
    # Tables that ingest writes, and deliveries read and complete.
    "orchestration.zone_days": ("footfall",),
    # Which object of the lake an hour's events are: ingest writes it, and models read it.
    "orchestration.stored_hours": ("footfall",),
    "orchestration.ingest": ("footfall", "orchestration.stored_hours", "orchestration.zone_days"),
    # The docs are built on an empty warehouse, whose tables ingest knows.
    # First visits are carried over the horizon without persons whom ingest takes out of its hours.
    "orchestration.modelling": (
        "footfall",
        "orchestration.ingest.schema",
        "orchestration.ingest.erased",
        "orchestration.stored_hours",
    ),
    "orchestration.delivery": ("footfall", "orchestration.zone_days"),
    # What retention removes, it removes by the rules of those who made it.
    "orchestration.retention": (
        "footfall",
        "orchestration.ingest",
        "orchestration.modelling",
        "orchestration.delivery",
    ),
    "orchestration.alerting": ("footfall",),
    "orchestration.webhooks": ("footfall",),
    "orchestration.discovery": ("footfall", "orchestration.webhooks"),
    # An erasure goes through what all of these made, in their order.
    "orchestration.privacy": (
        "footfall",
        "orchestration.ingest",
        "orchestration.modelling",
        "orchestration.delivery",
        "orchestration.stored_hours",
    ),
    "orchestration.upkeep": ("footfall", "orchestration.alerting", "orchestration.discovery"),
    **{
        f"orchestration.defs.{domain}": (
            "footfall",
            "sources",
            "orchestration.given",
            "orchestration.partitions",
            "orchestration.bars",
            "orchestration.defs.columns",
            "orchestration.resources",
            *DOMAINS,
        )
        for domain in (*PLAIN, "privacy", "sources")
    },
    # How assets of several domains show their columns.
    "orchestration.defs.columns": ("footfall",),
    "orchestration.defs.schedules": (
        "footfall",
        "orchestration.given",
        "orchestration.partitions",
        "orchestration.defs.delivery.showing",
    ),
    "orchestration.defs.bindings": ("footfall", "orchestration.given", "orchestration.resources", *DOMAINS),
    # Questions over published tables, and acts that the roof gives it.
    "api": ("footfall",),
    # Pages, which ask what the API answers.
    "dashboard": ("footfall", "api"),
    # The roof.
    "commands": ("footfall", "sources", "collector", "orchestration", "api", "dashboard"),
    # What stands around an installation: images and templates, which name the collector as a function.
    "deploy": ("footfall", "collector"),
    # Of the tests it borrows the real servers that they start.
    "bench": ("footfall", "sources", "collector", "orchestration", "commands", "pixel", "tests"),
}

#: Files that are longer than others, and why that reads better than two.
LONG_FILES = {
    "footfall/catalogue/state.py": "all that lies on the disk, one table",
    "tests/commands/test_run.py": "one installation that ran, and what each part of it shows",
    "collector/spool.py": "the durability of a segment is one argument",
    "footfall/settings.py": "every setting, with all that is said of it",
    "footfall/scrub_addresses.py": "the spellings of an address, and the quick look that rules them out",
    "footfall/event.py": "the contract, from the wire to the stored line",
    "commands/demo/traffic.py": "the demo's visitors and what is expected of them, side by side",
    "orchestration/delivery/deliver.py": "the steps of a period, to be read against the table of states.py",
    "orchestration/delivery/ledger.py": "every statement about a revision, beside the rows it is made of",
    "footfall/store.py": "the port and its two adapters, to be read against each other",
    "tests/sources/test_cloudfront.py": "one test for each version of a log and each flaw",
    "tests/orchestration/test_definitions.py": "one loaded code location, and what each asset of it promises",
    "tests/orchestration/test_alerting.py": "one test for each way in which an alert begins and ends",
    "tests/collector/test_http.py": "one test for each thing that a peer can do to a server",
    "tests/collector/test_forms.py": "one test for each way in which a tool's tracker sends",
    "tests/collector/test_spool.py": "one test for each way in which a disk fails",
    "tests/support/lake_story.py": "one random history of a lake, and the order in which it is told",
    "tests/dbt/test_incremental_equals_rebuild.py": "the proof, and each mistake that it has to find",
    "dbt_project/models/intermediate/int_sessions.sql": "all that is said of a session, in one row",
    "dbt_project/models/intermediate/int_site_days.sql": "all that is counted of a site's day, in one row",
    "dbt_project/models/intermediate/int_events_sessionised.sql": "island closure is one chain of steps",
}
PYTHON_LINES = 400
SQL_LINES = 200


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _strangers(module: str, imported: set[str]) -> set[str]:
    """What of ours a module imports without an arrow to it."""
    parts = [part for part in ARROWS if _is_below(module, part)]
    if not parts:
        return {f"{module} is in no part that ARROWS knows"} if imported else set()
    part = max(parts, key=len)
    allowed = (part, *ARROWS[part])
    ours = {name for name in imported if any(_is_below(name, each) for each in PARTS)}
    # `from orchestration.ingest import decode` is an import of the package and of a module in it.
    return {name for name in ours if not any(_is_below(name, each) for each in allowed)}


def test_no_import_goes_against_the_arrows():
    against = {
        module_of(path): strangers
        for path, tree in python_files(*PARTS[:-1])
        if (strangers := _strangers(module_of(path), imports_of(tree)))
    }

    assert against == {}


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("footfall.store", "collector.spool.Spool"),
        ("collector.app", "orchestration.ingest.hour.ingest_hours"),
        ("orchestration.ingest.hour", "collector.spool.scan"),
        ("orchestration.ingest.hour", "orchestration.resources.lake.Lake"),
        ("orchestration.delivery.deliver", "orchestration.defs.delivery.assets.asset_key"),
        ("orchestration.resources.lake", "orchestration.ingest.hour.ingest_hours"),
        ("orchestration.defs.ingest.assets", "orchestration.defs.delivery.assets.asset_key"),
        ("orchestration.defs.ingest.assets", "orchestration.defs.bindings.resources"),
        ("orchestration.defs.novelty.assets", "footfall.store.LocalStore"),
        ("collector.app", "tests.support.collectors.batch"),
        ("collector.server.http", "footfall.event.Refusal"),
        ("api.routes.acts", "orchestration.discovery.domains.decide"),
        ("api.app", "collector.app.Collector"),
        ("collector.server.connection", "collector.targets.Target"),
        ("dashboard.views.deliveries", "orchestration.delivery.ledger.Ledger"),
        ("api.inside", "dashboard.asking.Asking"),
    ],
)
def test_an_arrow_the_wrong_way_would_be_seen(module, imported):
    assert _strangers(module, {imported})


#: What documents draw in one: its name there → the parts.
DRAWN = {
    "(ingest, modelling, delivery, alerting, …)": (
        *DOMAINS,
        "orchestration.stored_hours",
        "orchestration.zone_days",
    ),
    "resources": ("orchestration.resources",),
    "orchestration.defs": ("orchestration",),
}


def _drawn(document: str) -> set[tuple[str, str]]:
    """Each arrow of a document's picture, `commands → collector → footfall` being two."""
    text = (ROOT / document).read_text()
    lines = [
        line.strip().split(" → ") for line in text.splitlines() if re.match(r" {4}\S* .*→ footfall$", line)
    ]
    return {pair for line in lines for pair in pairwise(line)}


def _reached(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Whatever is reached over arrows, from each start."""
    more = arrows | {(a, d) for a, b in arrows for c, d in arrows if b == c}
    return arrows if more == arrows else _reached(more)


def _name_in_picture(part: str) -> str:
    fits = [(name, each) for name, parts in DRAWN.items() for each in parts if _is_below(part, each)]
    return max(fits, key=lambda fit: len(fit[1]))[0] if fits else part.partition(".")[0]


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_documents_draw_the_arrows_that_there_are(document):
    # `orchestration` as a whole is its upper floor, which knows all of it.
    arrows = {
        (_name_in_picture(part), _name_in_picture(allowed))
        for part, targets in ARROWS.items()
        for allowed in targets
        if part not in ("bench", "pixel", "dbt_project", "deploy")
    }

    expected = {(a, b) for a, b in _reached(arrows) if a != b}
    assert _reached(_drawn(document)) == expected


MODULE_NAME = rf"(?:{'|'.join(CODE)})(?:\.[a-z_]\w*)+"


def _named_in_strings(tree: ast.Module) -> set[str]:
    """What of ours a file names in strings as a module: `"collector.app"`, or what follows a `"-m"`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and re.fullmatch(MODULE_NAME, str(node.value)):
            found.add(str(node.value))
        children = getattr(node, "elts", None) or getattr(node, "args", None) or []
        if isinstance(children, list):
            words = [each.value if isinstance(each, ast.Constant) else None for each in children]
            found |= {
                word
                for flag, word in pairwise(words)
                if flag == "-m" and isinstance(word, str) and word.partition(".")[0] in CODE
            }
    return found


#: Names of loggers, which are no arrows.
LOGGERS = {"footfall.geo", "footfall.privacy"}


def test_no_name_in_a_string_goes_against_the_arrows():
    """A module that is started by its name is as needed as one that is imported."""
    against = {
        module_of(path): strangers
        for path, tree in python_files(*PARTS[:-1])
        if (strangers := _strangers(module_of(path), _named_in_strings(tree) - LOGGERS))
    }

    assert against == {}


@pytest.mark.parametrize(
    "line",
    ['run("commands.run")', 'start(["python", "-m", "collector"])', 'python("-m", "commands.entry")'],
)
def test_a_name_in_a_string_would_be_seen(line):
    assert _strangers("footfall.store", _named_in_strings(ast.parse(line))) != set()


def _importers(of: str, *parts: str) -> list[str]:
    return [
        name_of(path)
        for path, tree in python_files(*parts)
        if any(_is_below(name, of) for name in imports_of(tree))
    ]


def test_plain_functions_know_nothing_of_dagster():
    plain = (*(f"orchestration/{part}/" for part in PLAIN), "sources/")

    importers = [
        name
        for package in ("dagster", "dagster_dbt")
        for name in _importers(package, "orchestration", "sources")
    ]

    assert [name for name in importers if name.startswith(plain)] == []
    assert importers, "somebody must"


@pytest.mark.parametrize("package", ["dagster", "duckdb", "httptools", "dagster_dbt", "dagster_duckdb"])
def test_kernel_and_collector_stand_without_dagster_a_server_or_sql(package):
    importers = _importers(package, "footfall", "collector")

    alone = {"httptools": ["collector/server/connection.py"], "duckdb": ["footfall/sql.py"]}
    assert importers == alone.get(package, [])
    # Rows of published tables are read through DuckDB, by those who ask for this module.
    asking = ["footfall/published/tables.py", "footfall/report/asking.py"]
    assert _importers("footfall.sql", "footfall", "collector") == asking
    for module in ("footfall.published.tables", "footfall.report.asking"):
        assert _importers(module, "footfall", "collector") == []


def test_nothing_imports_tests():
    for name in ("tests", "support", "conftest", "pytest", "hypothesis"):
        assert _importers(name, *PARTS[:-2]) == [], name


#: What takes the place of a part of Dagster builds on that part, and those have no public name. Their tests
#: fail where they change.
REPLACEMENTS = (
    "orchestration/launcher.py",
    "tests/orchestration/test_launcher.py",
    "tests/orchestration/test_run_launchers.py",
)


def test_no_private_part_of_dagster_is_used():
    """What begins with an underscore changes without notice."""
    for path, tree in python_files(*CODE, "tests"):
        if name_of(path) in REPLACEMENTS:
            continue
        for name in imports_of(tree):
            assert not re.match(r"dagster\w*\._|dagster\w*\.\w+\._", name), f"{name_of(path)} imports {name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                is_private = node.value.id in ("dg", "dagster") and node.attr.startswith("_")
                assert not is_private, f"{name_of(path)}:{node.lineno} uses dagster.{node.attr}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path != Path(__file__):
                assert "dagster._" not in node.value, f"{name_of(path)}:{node.lineno}"


def test_definitions_only_load():
    code = [
        line
        for line in (ROOT / "orchestration" / "definitions.py").read_text().splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]

    assert len(code) < 20


def test_only_partitions_makes_partitions():
    made = {
        name_of(path)
        for path, tree in python_files("orchestration")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.endswith("PartitionsDefinition")
    }

    assert made == {"orchestration/partitions.py"}


def test_the_models_hold_no_python():
    assert [
        name_of(path) for path in files() if name_of(path).startswith("dbt_project/") and path.suffix == ".py"
    ] == []


def test_no_file_is_out_of_the_ordinary_length():
    limits = {".py": PYTHON_LINES, ".sql": SQL_LINES}
    long = {
        name_of(path)
        for path in files()
        if path.suffix in limits and len(path.read_text().splitlines()) > limits[path.suffix]
    }

    assert long - set(LONG_FILES) == set(), "split it, or say in LONG_FILES why it is better whole"


def test_installed_code_knows_one_place_of_what_is_no_python():
    """A wheel has no folder above the packages: footfall/installed.py says where such files lie."""
    climbing = re.compile(r"__file__\)(\.resolve\(\))?\.(parents\b|parent\.parent)|\.parents\[")

    assert [name_of(p) for p, _ in python_files(*CODE, "pixel") if climbing.search(p.read_text())] == []


def test_every_exception_of_length_is_a_file():
    assert [name for name in LONG_FILES if not (ROOT / name).is_file()] == []


def test_nobody_reads_client_files_without_what_the_operator_allows():
    """A file that one part refuses would else be in force in another."""
    bare = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in python_files(*CODE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "load_registry"
        and len(node.args) < 2
    ]

    assert bare == []
