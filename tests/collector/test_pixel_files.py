"""The built pixel over HTTP: its own files with tags and life times, and nothing else of the disk."""

import pytest
from support.one_collector import a_collector, ask, header


@pytest.fixture
def built(tmp_path):
    """A folder with a built pixel, beside files that are nobody's business."""
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "pixel.js").write_text("// ü")
    (dist / "pixel-1.2.3.min.js").write_text("// versioned")
    (dist / "pixel.0123abcd.js.map").write_text("{}")
    (dist / ".hidden.js").write_text("x")
    (dist / "notes.exe").write_text("x")
    (dist / "sub").mkdir()
    (dist / "sub" / "inner.js").write_text("x")
    (tmp_path / "secret.js").write_text("x")
    (dist / "link.js").symlink_to(tmp_path / "secret.js")
    return dist


def test_the_pixel_is_served_with_a_tag_and_its_kind(built):
    collector = a_collector(pixel=built)

    answer = ask(collector, "GET", "/pixel.js")

    assert (answer.status, answer.body) == (200, "// ü".encode())
    assert header(answer, "content-type") == "text/javascript; charset=utf-8"
    assert header(answer, "cache-control") == "public, max-age=3600"
    assert header(answer, "content-length") == "5"
    again = ask(collector, "GET", "/pixel.js", if_none_match=f'"other", W/{header(answer, "etag")}')
    assert (again.status, again.body) == (304, b"")
    assert header(again, "etag") == header(answer, "etag")


@pytest.mark.parametrize("name", ["pixel-1.2.3.min.js", "pixel.0123abcd.js.map"])
def test_a_name_with_a_version_is_kept_for_a_year(built, name):
    answer = ask(a_collector(pixel=built), "GET", f"/{name}")

    assert header(answer, "cache-control") == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    [
        "/.hidden.js",
        "/notes.exe",
        "/sub",
        "/sub/inner.js",
        "/link.js",
        "/../secret.js",
        "/..%2fsecret.js",
        "//etc/passwd.txt",
        "/pixel.js/",
        "/pixel.js\x00.txt",
        "/missing.js",
        "/" + "a" * 5000 + ".js",
        "/",
    ],
)
def test_nothing_else_of_the_disk_is_served(built, path):
    answer = ask(a_collector(pixel=built), "GET", path)

    assert (answer.status, header(answer, "x-footfall-reason")) == (404, "not_found")


def test_a_new_build_is_served_at_once_and_a_missing_one_explained(built):
    collector = a_collector(pixel=built)
    tags = {header(ask(collector, "GET", "/pixel.js"), "etag")}
    (built / "pixel.js").write_text("// a longer one")
    tags.add(header(ask(collector, "GET", "/pixel.js"), "etag"))
    (built / "pixel.js").unlink()

    assert len(tags) == 2
    assert b"make pixel" in ask(collector, "GET", "/pixel.js").body
