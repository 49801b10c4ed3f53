"""What it costs to look through a text for personal data, told from the text alone, before it is done.

The rules of footfall/scrub.py are linear, but a byte of `ip=1,1,1,` costs two hundred times as much as one of
prose, and a thousandth of it is sent where it is compressed. So work is counted, by what starts it; not
measured, because the same event must always have the same answer.
"""

#: Microseconds that a byte may cost: any byte, one that a value begins or ends with, one that a rule stops
#: at (percent-encoding, pairs, addresses). Measured on one core of 2026 over the worst inputs of
#: tests/support/heavy_bodies.py: the worst take not twice what is said, most texts a third.
_ANY, _LIGHT, _HEAVY = 0.6, 0.8, 8.0
#: Work that is done for one event, in microseconds. An event of 32 KiB of the densest ordinary JSON is below
#: it; beyond it are thousands of pairs, addresses or escapes. Higher: others wait longer for one bad event.
MAX_EVENT_WORK = 40_000
#: The same for a body that is kept as it came, whose bytes are looked at twice: MAX_QUARANTINE_BYTES of prose
#: are just below it. Lower: less of a refused batch is there to be replayed.
MAX_BODY_WORK = MAX_EVENT_WORK
#: Bytes looked at at once where a text is cut to what may be done.
_PIECE = 1024


def work(text: bytes) -> int:
    """Microseconds that the rules may need for a text."""
    count = text.count  # of one byte each: ten times as quick as any other way
    light = count(b'"') + count(b",") + count(b":")
    heavy = count(b"%") + count(b"=") + count(b"@")
    return int(len(text) * _ANY + light * _LIGHT + heavy * _HEAVY)


def affordable(text: bytes) -> bytes:
    """The beginning of a body that may be looked through: all of it, or as far as MAX_BODY_WORK goes."""
    if work(text) <= MAX_BODY_WORK:
        return text
    done = end = 0
    while end < len(text):
        done += work(text[end : end + _PIECE])
        if done > MAX_BODY_WORK:
            break
        end += _PIECE
    return text[:end]
