"""What `up` and `demo` look at before they write a byte."""

import pytest


@pytest.mark.parametrize("command", ["up", "demo"])
def test_all_that_is_in_the_way_is_said_before_a_byte_of_state_is_written(footfall, listening, command):
    """A demo that found its second port taken after minutes of work left hours that nobody had sent."""
    port = listening.getsockname()[1]
    footfall.ports |= {"FOOTFALL_UI_PORT": str(port), "FOOTFALL_METRICS_PORT": str(port)}
    footfall.settings = {"FOOTFALL_BACKUP": "file:///dev/null/backup"}

    done = footfall(command)

    assert done.returncode == 1
    assert done.stdout == ""
    first, *others = done.stderr.splitlines()
    assert first.startswith(
        f"footfall {command}: /dev/null/backup cannot be written (/dev/null is no folder)"
    )
    assert others == [
        f"port {port} is in use; stop its owner or set FOOTFALL_METRICS_PORT",
        f"port {port} is in use; stop its owner or set FOOTFALL_UI_PORT",
        f"FOOTFALL_METRICS_PORT and FOOTFALL_UI_PORT are both {port}: set one of them to another port",
    ]
    assert not footfall.home.exists()


def test_a_demo_that_does_not_serve_needs_no_port_of_what_serves(footfall, listening):
    """What stops it is said, and that port is none of it."""
    port = str(listening.getsockname()[1])
    footfall.ports = dict.fromkeys(footfall.ports, port)

    done = footfall("demo", "--no-serve")

    assert done.returncode == 1
    assert done.stderr == (
        f"footfall demo: port {port} is in use; stop its owner or set FOOTFALL_COLLECTOR_PORT\n"
    )
    assert not footfall.home.exists()
