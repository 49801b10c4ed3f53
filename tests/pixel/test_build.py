"""The build: small, the same every time, and sure of what it does."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PIXEL = Path(__file__).resolve().parents[2] / "pixel"
_spec = importlib.util.spec_from_file_location("pixel_build", PIXEL / "build.py")
assert _spec is not None
build = importlib.util.module_from_spec(_spec)
sys.modules["pixel_build"] = build  # where its dataclass looks for its own module
_spec.loader.exec_module(build)

#: Bytes of the pixel as a server sends it, compressed. The finished pixel may have 4,500.
LARGEST = 3_000


def test_the_built_pixel_is_what_the_source_gives():
    assert (PIXEL / "dist" / "pixel.js").read_bytes() == build.build(), "run `make pixel`"


def test_the_pixel_is_small():
    assert build.gzip_size(build.build()) <= LARGEST


def test_the_command_checks_without_writing():
    checked = subprocess.run(
        [sys.executable, PIXEL / "build.py", "--check"], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
    assert "gzip" in checked.stdout


@pytest.mark.parametrize(
    ("source", "built"),
    [
        ("a  =  1 ; // one\nb = 2", "a=1;b=2\n"),
        ("/* all */ x ( ) /* of it */\ny()", "x()\ny()\n"),
        ("return  x\nfoo ( )", "return x\nfoo()\n"),
        ("a + +b - -c", "a+ +b- -c\n"),
        ("s = '// no comment'", "s='// no comment'\n"),
        ('s = "it\'s /* none */"', 's="it\'s /* none */"\n'),
        (r"s = 'it\'s'", "s='it\\'s'\n"),
        ("t = /[/'\"]\\/ \\s/g . test ( u )", "t=/[/'\"]\\/ \\s/g.test(u)\n"),
        ("return /x/ . test(u)", "return/x/.test(u)\n"),
        ("n = b / 2", "n=b/2\n"),
        ("n = (b) / 2 / 3", "n=(b)/2/3\n"),
        ("if (x)\n  y()\nelse\n  z()", "if(x)\ny()\nelse\nz()\n"),
        ("x\n  .then()", "x.then()\n"),
        ("const long = 1; f(long, {long: long, b: o.long})", "const a=1;f(a,{long:a,b:o.long})\n"),
        ("const long = 1; x ? long : other", "const a=1;x?a:other\n"),
        ("function twice(value) { return value + value + a }", "function c(b){return b+b+a}\n"),
        ("go((one, ...more) => one(...more))", "go((b,...a)=>b(...a))\n"),
        ("try { a() } catch (error) { b(error) }", "try{a()}catch(c){b(c)}\n"),
    ],
)
def test_what_is_left_out_changes_nothing(source, built):
    assert build.minify(source) == built


@pytest.mark.parametrize(
    "source",
    [
        "a = `text`",
        "a = b/c",
        "a = 'open",
        "a = (b)/c",
        "a = x => x",
        "const name = 1",
        "let screen = 2",
        "#a",
    ],
)
def test_what_the_build_does_not_understand_stops_it(source):
    with pytest.raises(build.BuildError, match=r"pixel\.js:2:"):
        build.minify("\n" + source)
