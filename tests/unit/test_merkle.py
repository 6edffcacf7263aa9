"""Trees and proofs of RFC 9162, by the vectors that implementations of Certificate Transparency share."""

import hashlib
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto import merkle

CONTENTS = [
    bytes.fromhex(content)
    for content in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
LEAVES = [merkle.leaf_hash(content) for content in CONTENTS]
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
PROOFS = {
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_vectors(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), list(PROOFS))
def test_proofs_are_those_of_the_vectors(index: int, size: int) -> None:
    assert tuple(step.hex() for step in merkle.proof(LEAVES[:size], index)) == PROOFS[index, size]


def test_every_proof_leads_to_the_root_and_no_other_leaf_place_or_size_does() -> None:
    for size in range(1, 40):
        leaves = [merkle.leaf_hash(bytes([n])) for n in range(size)]
        root = merkle.root(leaves)
        for index, path in enumerate(merkle.proofs(leaves, range(size))):
            assert merkle.root_of_proof(leaves[index], index, size, path) == root
            assert merkle.root_of_proof(hashlib.sha256(b"else").digest(), index, size, path) != root
            for wrong in {index - 1, index + 1, size}:
                assert merkle.root_of_proof(leaves[index], wrong, size, path) != root
            assert merkle.root_of_proof(leaves[index], index, size, [*path, root]) is None
            if path:
                assert merkle.root_of_proof(leaves[index], index, size, path[:-1]) is None


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=70), st.data())
def test_the_tree_is_the_one_of_its_recursive_definition(contents: list[bytes], data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(content) for content in contents]
    assert merkle.root(leaves) == by_definition(contents)
    index = data.draw(st.integers(0, len(leaves) - 1))
    assert merkle.root_of_proof(leaves[index], index, len(leaves), merkle.proof(leaves, index)) == by_definition(
        contents
    )


def by_definition(contents: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word by word."""
    if len(contents) == 1:
        return hashlib.sha256(b"\x00" + contents[0]).digest()
    half = 1
    while half * 2 < len(contents):
        half *= 2
    return hashlib.sha256(b"\x01" + by_definition(contents[:half]) + by_definition(contents[half:])).digest()


def test_a_leaf_is_never_taken_for_an_inner_node() -> None:
    for left, right in product(LEAVES[:3], repeat=2):
        assert merkle.leaf_hash(left + right) != merkle.root([left, right])
