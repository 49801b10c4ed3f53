"""`footfall import`: one report, whatever the format."""

import gzip

import pytest
import zstandard

#: Ten sound lines of each format, what they are called, and what stands before them.
FORMATS = {
    "combined": (
        "",
        '192.0.2.1 - - [20/Nov/2026:14:00:0{n} +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla"\n',
        "10 page views",
    ),
    "ndjson": (
        "",
        '{{"occurred_at": "2026-11-20T14:00:0{n}Z", "type": "page_view", "url": "https://a.example/"}}\n',
        "10 events",
    ),
    "cloudfront": (
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem "
        "sc-status cs(Referer) cs(User-Agent) cs-uri-query\n",
        "2026-11-20\t14:00:0{n}\tFRA\t5\t192.0.2.1\tGET\tshop.example\t/\t200\t-\tMozilla\t-\n",
        "10 requests (10 page views)",
    ),
}


def _text(name: str, *, bad: str = "") -> str:
    head, line, _ = FORMATS[name]
    return head + "".join(line.format(n=n) for n in range(10)) + bad


@pytest.mark.parametrize("name", FORMATS)
def test_import_reports_every_format_alike(footfall, tmp_path, name):
    path = tmp_path / "E2A.2026-11-20-14.log"
    path.write_text(_text(name, bad="x\n"))

    done = footfall("import", str(path), "--client", "demo", "--format", name)

    assert (done.returncode, done.stderr) == (0, "")
    lines, hours, earliest, following = done.stdout.splitlines()
    assert lines.endswith(f"E2A.2026-11-20-14.log: 11 lines = {FORMATS[name][2]} + 1 to quarantine")
    assert hours.startswith("1 hours from 2026-11-20T14 to 2026-11-20T14, ")
    assert earliest.startswith("these hours are the earliest so far")
    assert following == "next: footfall run --from 2026-11-20 --to 2026-11-21"


@pytest.mark.parametrize("name", FORMATS)
def test_more_than_a_tenth_in_quarantine_fails_the_command_and_says_so(footfall, tmp_path, name):
    (tmp_path / "a.log").write_text(_text(name, bad="x\n" * 2))

    done = footfall("import", str(tmp_path / "a.log"), "--client", "demo", "--format", name)

    assert done.returncode == 1
    assert "2 of 12 lines went to quarantine, more than a tenth" in done.stderr


def test_the_next_command_is_over_whole_days_of_the_client_too(footfall, tmp_path):
    (tmp_path / "access.log").write_text(_text("combined"))

    done = footfall("import", str(tmp_path / "access.log"), "--client", "agency", "--site", "bakery")

    # Days of Berlin begin an hour earlier; so does the first hour of all that has a partition.
    assert done.stdout.splitlines()[-1] == "next: footfall run --from 2026-11-19T23 --to 2026-11-21"
    assert (footfall.home / "first_hour").read_text() == "2026-11-19T23\n"


def test_a_line_years_before_the_others_is_pointed_out_with_the_command_that_leaves_it_out(
    footfall, tmp_path
):
    text = _text("combined")
    stray = text.splitlines()[0].replace("20/Nov/2026", "03/Mar/1998")
    (tmp_path / "access.log").write_text(f"{stray}\n{text}")

    done = footfall("import", str(tmp_path / "access.log"), "--client", "agency", "--site", "bakery")

    following, gap = done.stdout.splitlines()[-2:]
    assert following == "next: footfall run --from 1998-03-02T23 --to 2026-11-21"
    assert gap.startswith("nothing lies between 1998-03-03T14 and 2026-11-20T14, ")
    assert gap.endswith("to deliver only what is later: footfall run --from 2026-11-19T23 --to 2026-11-21")


def _bomb(line):
    """A sound line, and a thousand times what it is packed into."""
    return [line.encode(), *[b"\n" * (1 << 20)] * 64]


def _gzipped(pieces, path):
    with gzip.open(path, "wb") as file:
        for piece in pieces:
            file.write(piece)


def _zstandard(pieces, path):
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as packed:
        for piece in pieces:
            packed.write(piece)


@pytest.mark.parametrize("pack", [_gzipped, _zstandard])
@pytest.mark.parametrize("name", FORMATS)
def test_a_bomb_is_refused_in_one_line_and_nothing_is_imported(footfall, tmp_path, name, pack):
    text = _text(name).rstrip("\n")
    path = tmp_path / "E2A.2026-11-20-14.log"
    pack(_bomb(text), path)

    done = footfall("import", str(path), "--client", "demo", "--format", name)

    assert done.returncode == 1
    [said] = done.stderr.splitlines()
    assert "Traceback" not in said
    assert path.name in said
    assert not list((footfall.home / "lake" / "raw").rglob("*import*"))


@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!"])
@pytest.mark.parametrize("is_inside", [False, True])
def test_an_archive_is_refused_by_what_it_is(footfall, tmp_path, begin, is_inside):
    data = begin + b"x" * 1000
    (tmp_path / "a.log").write_bytes(gzip.compress(data) if is_inside else data)

    done = footfall("import", str(tmp_path / "a.log"), "--client", "demo")

    assert (done.returncode, done.stdout) == (1, "")
    [said] = done.stderr.splitlines()
    assert "a.log is " in said
    assert "unpack it" in said
