"""`footfall import`: one report, whatever the format."""

import pytest

FORMATS = {
    "combined": (
        '192.0.2.1 - - [20/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla"\nx\n',
        "page views",
    ),
    "ndjson": (
        '{"occurred_at": "2026-11-20T14:00:00Z", "type": "page_view", "url": "https://a.example/"}\nx\n',
        "events",
    ),
    "cloudfront": (
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem "
        "sc-status cs(Referer) cs(User-Agent) cs-uri-query\n"
        "2026-11-20\t14:00:00\tFRA\t5\t192.0.2.1\tGET\ta.example\t/\t200\t-\tMozilla\t-\nx\n",
        "requests (1 page views)",
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_import_reports_every_format_alike(footfall, tmp_path, name):
    text, noun = FORMATS[name]
    (tmp_path / "E2A.2026-11-20-14.log").write_text(text)

    done = footfall("import", str(tmp_path / "E2A.2026-11-20-14.log"), "--client", "demo", "--format", name)

    assert (done.returncode, done.stderr) == (0, "")
    lines, hours, earliest, following = done.stdout.splitlines()
    assert lines.endswith(f"E2A.2026-11-20-14.log: 2 lines = 1 {noun} + 1 to quarantine")
    assert hours.startswith("1 hours from 2026-11-20T14 to 2026-11-20T14, ")
    assert earliest.startswith("these hours are the earliest so far")
    assert following == "next: footfall run --from 2026-11-20 --to 2026-11-21"
