"""Client files through `footfall clients`: whose a place or a domain is, however it is spelled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.client_files import Asked, client, site
from support.command_line import ROOT

from footfall.store import LocalStore, StoreError, open_store


@pytest.fixture
def told(footfall, tmp_path):
    """Write client files and ask `footfall clients` about them."""
    return Asked(footfall, tmp_path / "who")


def test_a_folder_of_another_client_is_known_in_every_spelling(told, footfall, tmp_path):
    home = footfall.home
    (home / "buckets" / "alpha").mkdir(parents=True)
    (home / "buckets" / "link").symlink_to(home / "buckets" / "alpha")
    (tmp_path / "way").symlink_to(home / "buckets")
    spellings = [
        "file://${FOOTFALL_HOME}/buckets/%61lpha",
        "file://${FOOTFALL_HOME}/buckets/%41lpha",
        "file://${FOOTFALL_HOME}/buckets/alpha/",
        "file://${FOOTFALL_HOME}/buckets/alpha/below",
        "file://${FOOTFALL_HOME}/buckets/x/%2e%2e/alpha",
        "file://${FOOTFALL_HOME}/buckets/x%2F..%2Falpha",
        "file://${FOOTFALL_HOME}/buckets//alpha",
        "file://${FOOTFALL_HOME}/buckets/ALPHA",
        "file://${FOOTFALL_HOME}/buckets/link",
        "file://${FOOTFALL_HOME}/buckets/link/below",
        "file://${FOOTFALL_HOME}/buckets/al\tpha",
        f"file://{home}/buckets/alpha",
        f"file:///{home}/buckets/alpha",
        f"file://{tmp_path}/way/alpha",
        f"file://{tmp_path}/way/alpha/below",
        f"file://localhost{home}/buckets/alpha",
        "file://${FOOTFALL_HOME}/buckets",
    ]
    thieves = [client(f"thief{n:02d}", url) for n, url in enumerate(spellings)]

    in_force, wrong = told(client("alpha"), *thieves, client("zeta", f"file://{tmp_path}/own/zeta"))

    assert in_force == ["alpha", "zeta"]
    assert {
        name: [said.partition(":")[0].partition(", line")[0] for said in wrong[name]] for name in wrong
    } == {each["client_id"]: ["destination.url"] for each in thieves}


def test_a_folder_of_the_installation_or_of_the_machine_is_nobodys_bucket(told, footfall, tmp_path):
    home = footfall.home
    home.mkdir()
    (home / "buckets").mkdir()
    (home / "buckets" / "etc").symlink_to("/etc")
    places = [
        *("file:///etc/footfall", "file:///usr/share/x", "file:///proc/self/cwd/x", "file:///dev/shm/x"),
        *(f"file:///{folder}" for folder in ("root", "root/x", "home", "home/anna/x", "boot/x")),
        *("file:///srv/a%0Ab", "file:///srv/a\nb", "file:///srv/a%C2%85b", "file:///srv/a%E2%80%AEb"),
        *("file:///srv/%00", "file:///srv/a%7F", "file:///srv/a%E2%80%A8"),
        *("file:///", "file:///proc/self/root/etc/x", "file:///var/lib/x", "file:///~/x", "file:///$HOME/x"),
        "file://${FOOTFALL_HOME}/lake/marts",
        "file://${FOOTFALL_HOME}/l%61ke",
        "file://${FOOTFALL_HOME}/buckets/backup/alpha",
        "file://${FOOTFALL_HOME}/keys",
        "file://${FOOTFALL_HOME}/spool/c1",
        "file://${FOOTFALL_HOME}/anything",
        "file://${FOOTFALL_HOME}/buckets/etc/x",
        f"file://{home.parent}",
        f"file://{tmp_path}/who/x",
        f"file://{Path(__file__).resolve().parents[2]}/x",
        f"file://{tmp_path}/.ssh",
    ]
    thieves = [client(f"thief{n:02d}", url) for n, url in enumerate(places)]
    # What a source reads becomes rows of its client.
    sources = ["file:///etc", f"file://{home}/lake", f"file://{home}/buckets/alpha/x/../y"]
    readers = [
        client(f"reader{n}", sources=[{"name": "cdn", "site_id": f"reader{n}", "url": url}])
        for n, url in enumerate(sources)
    ]

    in_force, wrong = told(client("alpha"), *thieves, *readers)

    assert in_force == ["alpha"]
    assert set(wrong) == {each["client_id"] for each in (*thieves, *readers)}


def test_the_operator_says_below_which_folders_buckets_lie(told, tmp_path):
    allowed, other = f"file://{tmp_path}/srv/alpha", f"file://{tmp_path}/elsewhere/beta"

    in_force, wrong = told(
        client("alpha", allowed),
        client("beta", other),
        client("gamma"),
        FOOTFALL_BUCKET_FOLDERS=f"{tmp_path}/srv",
    )

    assert in_force == ["alpha", "gamma"]
    assert "FOOTFALL_BUCKET_FOLDERS" in wrong["beta"][0]


def test_a_bucket_is_one_place_at_every_endpoint_and_is_not_the_lake(told):
    aws = "https://s3.eu-central-1.amazonaws.com"
    places = [
        {"url": "s3://alpha-data/in", "endpoint": aws},
        {"url": "s3://alpha-data/in/", "endpoint": "https://S3.EU-CENTRAL-1.amazonaws.com.:443/"},
        {"url": "s3://alpha-data/in/below", "region": "eu-west-1"},
        {"url": "s3://in/x", "endpoint": "https://alpha-data.s3.amazonaws.com", "path_style": True},
        {"url": "s3://footfall-lake/raw"},
        {"url": "s3://footfall-lake"},
        {"url": "s3://backup/all/alpha"},
        {"url": "s3://some-ap-0123456789abcdef0123456789abc-s3alias"},
        {"url": "s3://x-data/y", "endpoint": "https://a-111122223333.s3-accesspoint.eu-west-1.amazonaws.com"},
    ]
    thieves = [client(f"thief{n}", destination=place) for n, place in enumerate(places)]

    in_force, wrong = told(
        client("alpha", "s3://alpha-data/in"),
        client("beta", "s3://alpha-data/in2"),
        *thieves,
        FOOTFALL_LAKE="s3://footfall-lake/raw",
        FOOTFALL_BACKUP="s3://backup/all",
    )

    assert in_force == ["alpha", "beta"]
    assert set(wrong) == {each["client_id"] for each in thieves}


def test_nobody_delivers_into_the_log_source_of_another_and_nobody_reads_anothers_bucket(told):
    def source(name, url, **more):
        return [{"name": "cdn", "site_id": name, "url": url, **more}]

    in_force, wrong = told(
        client("alpha", sources=source("alpha", "s3://logs/alpha/{yyyy}/")),
        client("beta", "s3://logs/alpha/2026"),
        client("gamma", sources=source("gamma", "s3://logs/alpha")),
        client("delta", "s3://delta-data"),
        client("reader", sources=source("reader", "s3://delta-data/events")),
        client("shared1", sources=source("shared1", "s3://shared/cf", distribution="E1AAAAAA")),
        client("shared2", sources=source("shared2", "s3://shared/cf", distribution="E2BBBBBB")),
    )

    assert in_force == ["alpha", "delta", "shared1", "shared2"]
    assert set(wrong) == {"beta", "gamma", "reader"}


def test_a_wildcard_that_swallows_anothers_domain_is_refused(told):
    shop = client("alpha", sites=site("alpha", "shop.example.org", "*.shop.example.org"))
    claims = {
        "above": ["*.example.org"],
        "below": ["checkout.shop.example.org"],
        "deeper": ["*.eu.shop.example.org"],
        "everything": ["*"],
        "tld": ["*.org"],
        "suffix": ["*.co.uk"],
        "platform": ["*.github.io"],
        "numbers": ["*.0.0.1"],
        "case": ["Shop.Example.ORG"],
        "dot": ["shop.example.org."],
        "port": ["shop.example.org:443"],
        "letters": ["sh\u00f6p.example.org"],
    }
    others = [client(f"x-{name}", sites=site(name, *domains)) for name, domains in claims.items()]

    in_force, wrong = told(
        shop,
        client("mine", sites=site("mine", "*.mine.example.net", "a.mine.example.net")),
        client("near", sites=site("near", "*.othershop.example.org")),
        *others,
    )

    assert in_force == ["alpha", "mine", "near"]
    assert set(wrong) == {f"x-{name}" for name in claims}


def test_two_exports_of_a_client_never_share_a_folder(told):
    def exports(*keys):
        return [
            {"name": name, "dataset": "events", "cadence": "hourly", **({"key": key} if key else {})}
            for name, key in keys
        ]

    rest = "{date}/{hour}/{revision}"
    sharing = {
        "joined": exports(("a", "{export}b/" + rest), ("ab", "{export}/" + rest)),
        "spelled": exports(("events", None), ("x", "events/dt={date}/hour={hour}/rev={revision}/{export}")),
        "folded": exports(("a", "X{export}/" + rest), ("xa", "{export}/" + rest)),
        "pointer": exports(("a", "b/_latest.json/{export}/" + rest)),
        "run_on": exports(("a", "{export}{date}{hour}{revision}"), ("b", "a{date}{hour}{revision}/{export}")),
    }
    others = [client(name, exports=orders) for name, orders in sharing.items()]

    in_force, wrong = told(
        client("alpha", exports=exports(("a", "{export}/" + rest), ("b", "{export}/" + rest), ("c", None))),
        *others,
    )

    assert in_force == ["alpha"]
    assert set(wrong) == set(sharing)


def test_who_had_a_thing_keeps_it_when_another_file_claims_it(told, footfall):
    """By name alone `aaa` would win, and put the others out of force."""
    shop, forum = client("shop"), client("forum")
    copies = footfall.home / "last-good-clients"
    copies.mkdir(parents=True)
    for each in (client("aaa"), shop, forum):
        (copies / f"{each['client_id']}.yaml").write_text(yaml.safe_dump(each))
    grab = client("aaa", "file://${FOOTFALL_HOME}/buckets/shop", sites=site("aaa", "forum.example"))

    in_force, wrong = told(grab, {**shop, "name": "Changed too"}, forum)
    assert in_force == ["forum", "shop"]
    assert wrong["aaa"] == [
        "sites.1.domains: forum.example belongs to forum",
        "destination.url: overlaps the bucket and prefix of shop",
    ]

    in_force, wrong = told(grab, {**shop, "color": "red"}, {**forum, "color": "red"})
    assert (in_force, set(wrong)) == ([], {"aaa", "forum", "shop"})

    moved = client("forum", sites=site("forum", "new.example"))
    in_force, wrong = told(grab, client("shop", "s3://elsewhere"), moved)
    assert (in_force, wrong) == (["aaa", "forum", "shop"], {})


def test_no_link_in_a_bucket_leads_out_of_it(tmp_path):
    other, mine = tmp_path / "other", tmp_path / "mine"
    (other / "events").mkdir(parents=True)
    (other / "events" / "a").write_bytes(b"other's")
    mine.mkdir()
    (mine / "inside").mkdir()
    (mine / "events").symlink_to(other / "events")
    (mine / "alias").symlink_to(mine / "inside")
    store = open_store(mine.as_uri(), is_confined=True)
    store.put("alias/b", b"mine")

    for act in (
        lambda: store.put("events/b", b"mine"),
        lambda: store.put("events/b", b"mine", create_only=True),
        lambda: store.get("events/a"),
        lambda: store.head("events/a"),
        lambda: store.delete("events/a"),
        lambda: store.swap("events/c", b"mine", None),
    ):
        with pytest.raises(StoreError, match="behind a link"):
            act()
    mine.rename(tmp_path / "gone")
    mine.symlink_to(other)
    with pytest.raises(StoreError, match="behind a link"):
        store.put("events/b", b"mine")
    assert {info.key for info in LocalStore(other).list("")} == {"events/a"}


def test_a_place_that_is_another_for_each_process_is_nobodys_bucket(footfall, tmp_path):
    """`/proc/self/cwd` is a folder of the machine wherever the command was started."""
    clients = tmp_path / "clients"
    clients.mkdir()
    (tmp_path / "way").symlink_to("/proc/self")
    places = ["file:///proc/self/cwd/x", f"file://{tmp_path}/way/cwd/y"]
    (tmp_path / "here").mkdir()
    for number, url in enumerate(places):
        each = clients / f"thief{number}.yaml"
        each.write_text(yaml.safe_dump(client(each.stem, url)))

    done = subprocess.run(
        [sys.executable, "-m", "commands.cli", "clients"],
        cwd=tmp_path / "here",
        env=os.environ
        | {"FOOTFALL_HOME": str(footfall.home), "FOOTFALL_CLIENTS": str(clients), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 1
    for number in range(len(places)):
        assert f"thief{number}.yaml: destination.url: leads through /proc" in done.stdout + done.stderr
