"""The tree hash of RFC 6962: its own words, its known values, and a frontier that says the same."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.merkle import Frontier, leaf_hash

LEAVES = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
#: Roots of the first n of them, as the reference implementation of Certificate Transparency tests them.
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_hash(leaves):
    """RFC 6962, 2.1, word for word."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size):
    frontier = Frontier().extended(map(leaf_hash, LEAVES[:size]))

    assert frontier.root.hex() == ROOTS[size] == tree_hash(LEAVES[:size]).hex()


@given(st.lists(st.binary(max_size=3), max_size=70), st.lists(st.integers(0, 70), max_size=5))
def test_a_list_that_grows_in_any_steps_has_the_tree_hash_of_the_whole(leaves, cuts):
    frontier, at = Frontier(), 0
    for cut in sorted({*(min(cut, len(leaves)) for cut in cuts), len(leaves)}):
        frontier = frontier.extended(map(leaf_hash, leaves[at:cut]))
        assert frontier.root == tree_hash(leaves[:cut])
        assert Frontier.unpacked(frontier.size, frontier.packed()) == frontier
        at = cut


@given(st.lists(st.binary(max_size=2), min_size=1, max_size=40), st.data())
def test_a_leaf_that_is_changed_swapped_or_cut_gives_another_root(leaves, data):
    n = data.draw(st.integers(0, len(leaves) - 1))
    other = [*leaves[:n], leaves[n] + b"x", *leaves[n + 1 :]]

    assert Frontier().extended(map(leaf_hash, leaves)).root != Frontier().extended(map(leaf_hash, other)).root
    assert Frontier().extended(map(leaf_hash, leaves)).root != tree_hash(leaves[:-1])


@pytest.mark.parametrize(("size", "peaks"), [(1, ()), (0, (b"0" * 32,)), (-1, ()), (1, (b"0" * 31,))])
def test_peaks_that_fit_no_size_are_refused(size, peaks):
    with pytest.raises(ValueError, match="no frontier"):
        Frontier(size, peaks)
