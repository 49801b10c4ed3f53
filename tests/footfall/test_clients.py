"""Client files: every mistake is named with file, field and reason, and disables its own file only."""

from pathlib import Path

import pytest
import yaml

from footfall.catalogue.formats import FORMATS
from footfall.clients import Destination, Site, load_registry

ROOT = Path(__file__).resolve().parents[2]
SECRET = "AKIAIOSFODNN7EXAMPLE"
QUOTED = [f"'{each}'" for each in FORMATS]


def client(name="shop", /, **changes):
    """A valid client file as a dict; owns nothing that one of another name owns."""
    return {
        "client_id": name,
        "name": "A Shop",
        "sites": [site(name)],
        "destination": {"url": f"s3://bucket-of-{name}/data"},
        "exports": [{"name": "events", "dataset": "events", "cadence": "hourly"}],
        **changes,
    }


def site(site_id, **changes):
    return {"site_id": site_id, "key": f"pk_{site_id}_1234", "domains": [f"{site_id}.example"], **changes}


@pytest.fixture
def load(tmp_path):
    """Load a folder of these files: name → a client dict, text or bytes."""

    def write_and_load(**files):
        for name, content in files.items():
            if isinstance(content, dict):
                content = yaml.safe_dump(content)
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / f"{name}.yaml").write_bytes(data)
        return load_registry(tmp_path)

    return write_and_load


def ids(registry):
    return [client.client_id for client in registry.clients]


def mistakes(registry):
    return [str(mistake) for mistake in registry.mistakes]


NAME = "expected 1 to 48 of a-z 0-9 _ -, a letter or digit first"
URL = "expected s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix or file:///folder"
REPORT = {"name": "e", "dataset": "report", "cadence": "daily", "format": "html"}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"client_id": "Shop"}, "client_id", NAME),
        ({"client_id": 7}, "client_id", "expected text"),
        ({"name": ""}, "name", "expected at least 1 characters"),
        ({"timezone": "Berlin"}, "timezone", "expected a name from the time zone database"),
        ({"timezone": "localtime"}, "timezone", "expected a name from the time zone database"),
        ({"color": "red"}, "color", "is no field here"),
        ({"sites": []}, "sites", "expected at least 1 of them"),
        ({"sites": [site("shop", key="short")]}, "sites.1.key", "expected 8 to 64 of A-Z a-z 0-9 _ -"),
        ({"sites": [site("shop", domains=[])]}, "sites.1.domains", "expected at least 1 of them"),
        ({"sites": [site("shop", domains=["Shop.example"])]}, "sites.1.domains.1", "a lower-case host name"),
        ({"sites": [site("shop", domains=["https://a.example"])]}, "sites.1.domains.1", "host name"),
        ({"sites": [site("shop", domains=["a.*.example"])]}, "sites.1.domains.1", "host name"),
        ({"sites": [site("a"), site("a", key="pk_other_key")]}, "-", "site_id used twice: a"),
        ({"sites": [site("a"), site("b", key="pk_a_1234")]}, "-", "site key used twice: pk_a_1234"),
        ({"destination": {}}, "destination.url", "is missing"),
        ({"destination": {"url": "ftp://host/x"}}, "destination.url", URL),
        ({"destination": {"url": "file://host/x"}}, "destination.url", URL),
        ({"destination": {"url": "file:///x?y=1"}}, "destination.url", URL),
        ({"destination": {"url": "s3://bucket/a/../b"}}, "destination.url", "a path without empty parts"),
        (
            {"destination": {"url": "s3://bucket/a", "endpoint": "localhost:9000"}},
            "destination.endpoint",
            "expected an address such as https://s3.example",
        ),
        ({"exports": []}, "exports", "expected at least 1 of them"),
        (
            {"exports": [{"name": "e", "dataset": "clicks", "cadence": "hourly"}]},
            "exports.1.dataset",
            "expected 'events', 'page_views', 'sessions', ",
        ),
        (
            {"exports": [{"name": "e", "dataset": "daily_metrics", "cadence": "hourly"}]},
            "exports.1",
            "daily_metrics can be delivered daily",
        ),
        (
            {"exports": [{"name": "e", "dataset": "daily_metrics", "cadence": "hourly"}]},
            "exports.1",
            "daily_metrics can be delivered daily",
        ),
        (
            {"exports": [{"name": "e", "dataset": "events", "cadence": "hourly", "format": "xlsx"}]},
            "exports.1.format",
            f"expected {', '.join(QUOTED[:-1])} or {QUOTED[-1]}",
        ),
        (
            {"exports": [{"name": "e", "dataset": "events", "cadence": "hourli"}]},
            "exports.1.cadence",
            "expected 'live', 'hourly', 'daily', 'weekly' or 'monthly', not hourli",
        ),
        (
            {"exports": [{"name": "e", "dataset": "events", "cadence": "weekly"}]},
            "exports.1",
            "events can be delivered live or hourly or daily",
        ),
        (
            {"exports": [{"name": "e", "dataset": "report", "cadence": "hourly", "format": "html"}]},
            "exports.1",
            "report can be delivered daily or weekly or monthly",
        ),
        (
            {"exports": [{"name": "e", "dataset": "report", "cadence": "daily"}]},
            "exports.1",
            "format: a report is a page: write format: html",
        ),
        (
            {"exports": [{"name": "e", "dataset": "events", "cadence": "daily", "format": "html"}]},
            "exports.1",
            "format: events has rows; html is for dataset: report alone",
        ),
        (
            {"exports": [{**REPORT, "columns": ["url"], "filter": "is_bot = false", "compression": "gzip"}]},
            "exports.1",
            "columns, compression, filter: a report is a page and has no rows to choose",
        ),
        ({"exports": [{**REPORT, "language": "fr"}]}, "exports.1.language", "expected 'en' or 'de'"),
        (
            {"exports": [{"name": "e", "dataset": "events", "cadence": "daily", "language": "de"}]},
            "exports.1",
            "language: only with dataset: report",
        ),
        (
            {"exports": [{"name": "e", "dataset": "events", "cadence": "daily", "notify": ["channel:x"]}]},
            "exports.1",
            "notify: channel:… only with dataset: report",
        ),
        ({"exports": [{**REPORT, "notify": ["channel:A b"]}]}, "exports.1.notify.1", "or channel:NAME"),
        ({"brand": {"color": "red"}}, "brand.color", "expected a colour such as '#2563a8', in quotes"),
        ({"brand": {"color": "#fff;}*{"}}, "brand.color", "expected a colour such as '#2563a8', in quotes"),
        ({"timezon": "UTC"}, "timezon", "is no field here; timezone is one"),
        (
            {"exports": [{"name": "e", "dataset": "events", "cadence": "hourly"}] * 2},
            "-",
            "export name used twice: e",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_and_field_and_sets_aside_that_file_only(
    load, changes, field, reason
):
    registry = load(other=client("other"), shop=client(**changes))

    assert ids(registry) == ["other"]
    (mistake,) = registry.mistakes
    assert (mistake.file, mistake.field) == ("shop.yaml", field)
    assert reason in mistake.reason


def test_all_mistakes_of_a_file_are_named_at_once(load):
    registry = load(shop=client(timezone="Berlin", color="red", destination={"url": "nowhere"}, exports=[]))

    assert [mistake.field for mistake in registry.mistakes] == [
        "timezone",
        "destination.url",
        "exports",
        "color",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"destination": {"url": f"s3://{SECRET}:key@bucket/x"}},
        {"destination": {"url": "s3://bucket/x", "endpoint": f"https://{SECRET}@host"}},
        {"destination": {"url": f"file:///a/../{SECRET}"}},
        {"name": {"secret": SECRET}},
        {"timezone": SECRET},
        {"password": SECRET},
        {"sites": [site("shop", domains=[SECRET], key=f"{SECRET}!")]},
        {"exports": [{"name": SECRET, "dataset": SECRET, "cadence": SECRET}]},
    ],
)
def test_no_value_of_a_set_aside_file_is_repeated(load, changes):
    """A secret that was put into a file by mistake must not travel on into logs."""
    registry = load(shop=client(**changes))

    assert registry.mistakes
    assert SECRET not in " ".join(mistakes(registry))


@pytest.mark.parametrize("value", [f"!{SECRET} x", f"*{SECRET}", f"'{SECRET}", f"{{{SECRET}"])
def test_what_is_no_yaml_is_not_repeated_either(load, value):
    registry = load(shop=f"name: {value}\n")

    assert len(registry.mistakes) == 1
    assert SECRET not in " ".join(mistakes(registry))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            b"name: x\nsites: [a, b\nclient_id: c\n",
            "shop.yaml: line 3, column 10: not YAML: expected ',' or ']', but got ':'",
        ),
        (b"a: b: c\n", "shop.yaml: line 1, column 5: not YAML: mapping values are not allowed here"),
        (b"name: a\nname: b\n", "shop.yaml: line 2, column 1: not YAML: a field is given twice"),
        (
            b"sites:\n  - {key: a, key: b}\n",
            "shop.yaml: line 2, column 14: not YAML: a field is given twice",
        ),
        (
            b"a: 1\nb: x\x01y\n",
            "shop.yaml: line 2, column 5: not YAML: special characters are not allowed",
        ),
        (b"name: 2026-13-45\n", "shop.yaml: -: not YAML: ValueError in one of its values"),
        (b"name: !!int ''\n", "shop.yaml: -: not YAML: IndexError in one of its values"),
        (b"[" * 20_000, "shop.yaml: -: not YAML: RecursionError in one of its values"),
        (b"name: \xff\n", "shop.yaml: -: cannot be read: 'utf-8' codec can't decode byte 0xff"),
        (b"", "shop.yaml: -: expected fields with values"),
        (b"- a list\n", "shop.yaml: -: expected fields with values"),
        (b"? [a, b]\n: c\n", "shop.yaml: line 1, column 3: not YAML: found unhashable key"),
    ],
)
def test_an_unreadable_file_is_set_aside_with_the_place_where_it_breaks(load, text, said):
    registry = load(other=client("other"), shop=text)

    assert ids(registry) == ["other"]
    (mistake,) = mistakes(registry)
    assert mistake.startswith(said)


def test_a_file_that_nobody_would_read_is_a_mistake(load, tmp_path):
    (tmp_path / "late.yml").write_text(yaml.safe_dump(client("late")))

    assert mistakes(load(shop=client())) == ["late.yml: -: is not read; name it late.yaml"]


def test_a_missing_folder_is_a_mistake(tmp_path):
    registry = load_registry(tmp_path / "none")

    assert registry.clients == ()
    assert mistakes(registry) == [
        f"{tmp_path / 'none'}: -: the folder does not exist; set FOOTFALL_CLIENTS or create it"
    ]


def test_a_client_id_must_be_the_name_of_its_file(load):
    assert mistakes(load(boutique=client("shop"))) == [
        "boutique.yaml: client_id: must equal the file's name, 'boutique'"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sites": [site("alpha", key="pk_own_key", domains=["own.example"])]}, "sites.1.site_id: alpha"),
        ({"sites": [site("beta", key="pk_alpha_1234")]}, "sites.1.key: is a key of alpha"),
        ({"sites": [site("beta", domains=["x.example", "alpha.example"])]}, "sites.1.domains: alpha.example"),
        ({"destination": {"url": "s3://bucket-of-alpha/data"}}, "destination.url: overlaps"),
        ({"destination": {"url": "s3://bucket-of-alpha/data/"}}, "destination.url: overlaps"),
        ({"destination": {"url": "s3://bucket-of-alpha/data/beta"}}, "destination.url: overlaps"),
        ({"destination": {"url": "s3://bucket-of-alpha"}}, "destination.url: overlaps"),
    ],
)
def test_what_an_earlier_file_owns_cannot_be_claimed(load, changes, said):
    """Otherwise one client's visitors would be delivered into another's bucket."""
    registry = load(alpha=client("alpha"), beta=client("beta", **changes), gamma=client("gamma"))

    assert ids(registry) == ["alpha", "gamma"]
    (mistake,) = mistakes(registry)
    assert mistake.startswith(f"beta.yaml: {said}")
    assert "alpha" in mistake


@pytest.mark.parametrize("url", ["s3://bucket-of-alpha/data2", "s3://bucket-of-alpha/dat", "s3://bucket-of"])
def test_prefixes_that_only_begin_alike_do_not_overlap(load, url):
    registry = load(alpha=client("alpha"), beta=client("beta", destination={"url": url}))

    assert mistakes(registry) == []


def test_a_file_that_was_set_aside_owns_nothing(load):
    registry = load(alpha=client("alpha", color="red"), beta=client("beta", sites=[site("alpha")]))

    assert ids(registry) == ["beta"]


@pytest.mark.parametrize(
    ("host", "declared"),
    [
        ("shop.example", True),
        ("www.shop.example", False),
        ("a.blog.example", True),
        ("b.a.blog.example", True),
        ("blog.example", False),
        ("evilblog.example", False),
        ("a.blog.example.evil.example", False),
    ],
)
def test_a_wildcard_stands_for_every_subdomain_and_not_for_the_domain_itself(host, declared):
    declaring = Site(site_id="s", key="pk_12345", domains=["shop.example", "*.blog.example"])

    assert declaring.declares(host) is declared


def test_a_site_key_leads_to_its_client_and_site(load):
    registry = load(alpha=client("alpha"), beta=client("beta", sites=[site("b1"), site("b2")]))

    owner, owned = registry.sites_by_key()["pk_b2_1234"]

    assert (owner.client_id, owned.site_id) == ("beta", "b2")
    assert registry.client("beta") is owner
    assert registry.client("nobody") is None


def test_a_home_with_odd_letters_stays_one_folder():
    destination = Destination(url="file://${FOOTFALL_HOME}/buckets/a")

    assert destination.resolved_url(Path("/a b#c/100%")) == "file:///a%20b%23c/100%25/buckets/a"


def test_days_begin_at_local_midnight(load):
    berlin = load(shop=client(timezone="Europe/Berlin")).clients[0]

    assert berlin.local_midnight("2026-07-01").isoformat() == "2026-07-01T00:00:00+02:00"
    assert berlin.local_midnight("2026-12-01").isoformat() == "2026-12-01T00:00:00+01:00"


def test_the_example_clients_are_valid():
    registry = load_registry(ROOT / "clients")

    assert ids(registry) == ["agency", "demo"]
    assert mistakes(registry) == []
