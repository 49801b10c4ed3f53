"""A state folder on another machine's disk is refused: locks do not hold there."""

import pytest

from footfall.mounts import remote, remote_here

MOUNTS = r"""
/dev/vda / ext4 rw 0 0
files:/srv /srv nfs4 rw,vers=4.2 0 0
/dev/vdb /srv/local ext4 rw 0 0
//box/share /media/my\040share cifs rw 0 0
tmpfs /srv/covered tmpfs rw 0 0
files:/x /srv/covered nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/footfall", None),
        ("/srv/footfall", "nfs4"),
        ("/srv", "nfs4"),
        ("/srv/local/footfall", None),
        ("/srvother", None),
        ("/media/my share/footfall", "cifs"),
        ("/srv/covered/deep", "nfs"),
    ],
)
def test_the_innermost_mount_decides(tmp_path, folder, kind):
    assert remote(type(tmp_path)(folder), MOUNTS) == kind


def test_the_disk_of_this_test_is_of_this_machine(tmp_path):
    assert remote_here(tmp_path) is None


def test_lines_that_are_none_are_passed_over(tmp_path):
    assert remote(tmp_path, "nonsense\n\n") is None
