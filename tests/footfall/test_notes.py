"""Signed notes and checkpoints, against the words of C2SP: by a reader that shares no code with ours."""

import base64
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from support.manifests import signer

from footfall import notes
from footfall.notes import Checkpoint
from footfall.signatures import Signer

CHECKPOINT = Checkpoint("footfall/acme/main", 42, hashlib.sha256(b"x").digest())
TRUSTED = {signer().key_id: signer().public_pem}
NOTE = notes.signed(CHECKPOINT, signer())


def read_by_the_words_of_the_specification(note: bytes, raw_key: bytes):
    """c2sp.org/signed-note, c2sp.org/tlog-checkpoint: (origin, size, root). Raises where a MUST is broken."""
    head, _, tail = note.decode("utf-8").rpartition("\n\n")
    text = head + "\n"
    assert not any(ord(c) < 0x20 and c != "\n" for c in note.decode())
    assert tail.endswith("\n")
    origin, size, root, *extensions = text[:-1].split("\n")
    assert origin, "MUST be non-empty"
    assert "+" not in origin and not any(c.isspace() for c in origin)
    assert size == str(int(size)), "no leading zeroes"
    assert all(extensions), "MUST be non-empty"
    for line in tail[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        assert dash == "\u2014"
        value = base64.b64decode(encoded, validate=True)
        key_id = hashlib.sha256(name.encode() + b"\x0a" + b"\x01" + raw_key).digest()[:4]
        if name == origin and value[:4] == key_id:
            Ed25519PublicKey.from_public_bytes(raw_key).verify(value[4:], text.encode())
            return origin, int(size), base64.b64decode(root, validate=True)
    raise AssertionError("no signature by this key")


def raw(pem):
    return load_pem_public_key(pem).public_bytes(Encoding.Raw, PublicFormat.Raw)


def test_a_checkpoint_is_read_by_the_specification_alone():
    found = read_by_the_words_of_the_specification(NOTE, raw(signer().public_pem))

    assert found == (CHECKPOINT.origin, CHECKPOINT.size, CHECKPOINT.root)
    with pytest.raises(InvalidSignature):
        read_by_the_words_of_the_specification(NOTE.replace(b"\n42\n", b"\n43\n"), raw(signer().public_pem))


def test_the_example_of_the_specification_is_a_checkpoint():
    example = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
        "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    ).encode()

    found = notes.read(example)

    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    with pytest.raises(ValueError, match="no key that is known here"):
        notes.opened(example, TRUSTED)


def test_the_same_checkpoint_is_the_same_note_and_opens_with_the_key_alone():
    assert notes.signed(CHECKPOINT, signer()) == NOTE
    assert notes.opened(NOTE, TRUSTED) == CHECKPOINT
    with pytest.raises(ValueError, match="no key that is known here"):
        notes.opened(NOTE, {"x": Signer(Ed25519PrivateKey.generate()).public_pem})


def test_lines_of_witnesses_and_of_extensions_are_left_alone():
    witness = "— witness.example/w1 AAAAAWFiYw==\n".encode()
    assert notes.opened(NOTE + witness, TRUSTED) == CHECKPOINT

    text = CHECKPOINT.text + "an extension\n"
    name = hashlib.sha256(CHECKPOINT.origin.encode() + b"\n\x01" + raw(signer().public_pem)).digest()[:4]
    value = name + signer().sign_bytes(text.encode())
    extended = f"{text}\n— {CHECKPOINT.origin} {base64.b64encode(value).decode()}\n".encode()
    assert notes.opened(extended, TRUSTED) == CHECKPOINT


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace(b"\n42\n", b"\n43\n"),
        lambda note: note.replace(b"acme", b"beta"),
        lambda note: note.replace(b"\n42\n", b"\n042\n"),
        lambda note: note.replace(b"\n42\n", b"\n-1\n"),
        lambda note: note[:-1],
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace("—".encode(), b"-"),
        lambda note: note.replace(b"\n42\n", b"\n42\r\n"),
        lambda note: note.replace(b"\n42\n", b"\n42\n\n"),
        lambda note: b"\xff" + note,
        lambda note: note[:0],
        lambda note: note[:0] + b"\n\n\n",
        lambda note: note[: note.index(b"\n\n") + 2],
    ],
)
def test_a_note_that_was_changed_opens_for_nobody(change):
    with pytest.raises(ValueError):
        notes.opened(change(NOTE), TRUSTED)
