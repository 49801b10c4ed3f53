"""Exports as they come from databases, spreadsheets, unpacked folders: what is odd in them costs itself."""

import json

import pytest
from support.imported_logs import Imports

T = "2026-11-20 10:00:07"
HEAD = "session_id,created_at,url_path,page_title,city,referrer_domain\n"
POSTHOG = {"event": "$pageview", "distinct_id": "p", "timestamp": "2026-11-20T10:00:07Z"}


@pytest.fixture
def imports(footfall, tmp_path):
    return Imports(footfall, tmp_path)


def events(imports):
    return [line for line in imports.lines() if line["kind"] == "event"]


def refused(imports):
    return [line for line in imports.lines() if line["kind"] == "refused"]


def by_path(imports):
    return {line["event"]["url"].rpartition("/")[2]: line for line in events(imports)}


def view(path, title="t", city="", referrer=""):
    return f"s1,{T},/{path},{title},{city},{referrer}\n"


def test_a_folder_brings_what_is_an_export_and_names_what_is_none(imports, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    files = {
        "a_event_data.csv": b"website_id,session_id,data_key\nw,s,k\n",
        "b_utf16.csv": (HEAD + view("b", "B\u00e4r")).encode("utf-16"),
        "c_old_ends.csv": (HEAD + view("c")).replace("\n", "\r").encode(),
        "d_empty.csv": b"",
        "e_nulls.csv": (HEAD + view("e1", "\\N", "\\N", "\\N") + view("e2", "NULL", "NULL", "NULL")).encode(),
        "f_open_quote.csv": (
            HEAD + view("f0") + view("bad", '"open') + "".join(map(view, "ghijkl"))
        ).encode(),
        "g_no_csv.csv": b'session_id,created_at,"url_path\n' + b"x" * 300_000,
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)

    done = imports(folder, "--format", "umami")

    assert done.returncode == 1, done
    aside = [line for line in done.stderr.splitlines() if line.startswith("set aside: ")]
    assert [line.split("/")[-1].split(":")[0].split()[0] for line in aside] == [
        "a_event_data.csv",
        "d_empty.csv",
        "g_no_csv.csv",
    ], done.stderr
    assert "d_empty.csv is empty" in aside[1]
    found = by_path(imports)
    assert set(found) == {"b", "c", "e1", "e2", "f0", *"ghijkl"}
    assert found["b"]["event"]["title"] == "B\u00e4r"
    for path in ("e1", "e2"):
        assert not {"title", "referrer"} & found[path]["event"].keys()
        assert found[path]["city"] is None
    (bad,) = refused(imports)
    assert "a quote is opened" in bad["detail"]
    assert "f_open_quote.csv: 8 lines = 7 events + 1 to quarantine" in done.stdout


def test_json_lines_are_read_as_the_collector_reads_them_in_utf16_too(imports):
    lines = [
        json.dumps({**POSTHOG, "uuid": "0193-aaaa-1", "properties": {"v": "\ud83d"}}),
        json.dumps({**POSTHOG, "uuid": "0193-aaaa-2", "properties": {"v": float("nan"), "w": 1}}),
        json.dumps({**POSTHOG, "uuid": "0193-aaaa-3", "properties": {"$geoip_country_code": "ZZ"}}),
    ]

    done = imports.text("\n".join(lines).encode("utf-16"), "--format", "posthog")

    assert done.returncode == 0, done
    cut, number, nowhere = sorted(events(imports), key=lambda line: line["event_id"])
    assert cut["event"]["props"] == {"v": "\ufffd"}
    assert number["event"]["props"]["w"] == 1
    assert nowhere["country"] is None


def test_countries_of_ga4_are_names_and_become_codes(imports):
    names = [
        "Germany",
        "United Kingdom",
        "T\u00fcrkiye",
        "C\u00f4te d\u2019Ivoire",
        "Czechia",
        "South Korea",
        "Nowhere",
    ]
    lines = [
        json.dumps(
            {"event_name": "page_view", "event_timestamp": "1795168807155000", "geo": {"country": name}}
        )
        for name in names
    ]

    done = imports.text("\n".join(lines), "--format", "ga4")

    assert done.returncode == 0, done
    countries = [line.get("country") for line in events(imports)]
    assert sorted(map(str, countries)) == sorted(["DE", "GB", "TR", "CI", "CZ", "KR", "None"])


def test_what_snowplows_sdks_flatten_has_its_properties_and_its_view(imports):
    view_id = "11111111-2222-4333-8444-555555555555"
    row = {
        "event_id": "c6ef3124-b53a-4b13-a233-0088f79dcbc2",
        "collector_tstamp": "2026-11-20T10:05:01.000Z",
        "event": "unstruct",
        "event_name": "add_to_cart",
        "unstruct_event_com_acme_add_to_cart_1": {"sku": "b-1", "quantity": 2},
        "contexts_com_snowplowanalytics_snowplow_web_page_1": [{"id": view_id}],
    }

    done = imports.text(json.dumps(row), "--format", "snowplow")

    assert done.returncode == 0, done
    (line,) = events(imports)
    assert line["type"] == "add_to_cart"
    assert line["event"]["props"] == {"sku": "b-1", "quantity": 2}
    assert line["event"]["view_id"] == view_id


def test_a_visit_of_which_several_acts_are_refused_is_stored_with_the_first_of_them_alone(imports):
    act = {"type": "action", "url": "https://shop.example/a", "timestamp": 1795168807}
    bad = [{**act, "timestamp": None, "nr": n} for n in range(20)]
    visit = {"visitorId": "a1b2c3d4e5f60718", "surroundings": "x" * 2000, "actionDetails": [act, *bad]}

    imports.text(json.dumps([visit]), "--format", "matomo", name="visits.json")

    first, *others = refused(imports)
    assert len(events(imports)) == 1
    assert len(others) == 19
    assert "surroundings" in json.dumps(first)
    assert "surroundings" not in json.dumps(others)
    assert sorted(n for n in range(20) if any(f'"nr\\":{n}' in json.dumps(each) for each in [first, *others]))
