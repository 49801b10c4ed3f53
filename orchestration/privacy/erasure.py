"""An erasure as a job: each step is written down before and after, and may be taken again without harm.

What a step could not do (a bucket that refuses) is outstanding: the others go on, and `resume` takes it
again. A job that died goes on the same way. While somebody holds what is known of the person nothing is done.
"""

from collections.abc import Callable

from footfall import keys
from footfall.errors import FootfallError
from footfall.retention.holds import against_erasure, read, refusal
from footfall.store import StoreError
from footfall.tombstones import add, in_force, load_key
from orchestration.privacy.certificate import certificate
from orchestration.privacy.erasure_book import Erasure, ErasureBook
from orchestration.privacy.erasure_delivered import hashed_forms
from orchestration.privacy.erasure_house import House, Work
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_steps import NEEDED, STEPS
from orchestration.privacy.person import Person, resolve
from orchestration.privacy.request_book import RequestBook


def carry_out(
    book: ErasureBook, house: House, erasure: Erasure, say: Callable[[str], object] = lambda _: None
) -> list[str]:
    """Take every step that is not done. Returns what is outstanding, a line each; none: it is finished.

    Raises FootfallError where nothing can go on.
    """
    person = erasure.person
    if person is None:
        return []
    client = house.client(person.client)
    if not person.is_resolved:
        with house.warehouse.connect() as connection:
            linked = person.is_linked
            person = resolve(connection, client, person.asked, is_linked=linked, is_naming=linked)
        erasure = book.know(erasure.id, person)
    if held := _held(house, book, erasure, person):
        return [f"hold: {held}"]
    _suppress(house, book, erasure, person, say)
    hash_key = house.desk.signer.hash_key(client.client_id)
    plain = person.needles
    needles = Needles([*plain, *hashed_forms(plain, hash_key)])
    work = Work(house, book, erasure, person, in_force(house.home, house.lake), needles, client)
    for step, act in STEPS.items():
        before = book.steps(erasure.id).get(step)
        if before is not None and before.is_done:
            continue
        house.edge(f"before {step}")
        book.begin_step(erasure.id, step, house.now)
        house.edge(f"begun {step}")
        try:
            left = act(work)
        except (FootfallError, StoreError) as error:
            left = [str(error)]
        house.edge(f"done {step}")
        book.end_step(erasure.id, step, house.now, "; ".join(left)[:2000])
        say(f"{step}: {'; '.join(left) if left else 'done'}")
        if left and step in NEEDED:
            break
    steps = book.steps(erasure.id)
    outstanding = [
        f"{name}: {steps[name].outstanding if name in steps else 'not begun'}"
        for name in STEPS
        if name not in steps or not steps[name].is_done
    ]
    if outstanding:
        return outstanding
    house.edge("before certificate")
    text = certificate(erasure, person, steps, house.desk.signer, house.now, house.version)
    house.lake.put(keys.certificate_object(person.client, erasure.id), text)
    house.edge("put certificate")
    RequestBook(house.home).answer(erasure, person, house.now)
    book.finish(erasure.id, text.decode(), house.now)
    return []


def _held(house: House, book: ErasureBook, erasure: Erasure, person: Person) -> str:
    """Why the erasure waits, where somebody holds the client's data; noted as a step of it."""
    found = against_erasure(read(house.lake, house.desk.own_keys), person.client, person.received)
    why = refusal(found)
    if why or "hold" in book.steps(erasure.id):
        book.begin_step(erasure.id, "hold", house.now)
        book.end_step(erasure.id, "hold", house.now, why)
    return why


def _suppress(
    house: House, book: ErasureBook, erasure: Erasure, person: Person, say: Callable[[str], object]
) -> None:
    before = book.steps(erasure.id).get("suppress")
    if before is not None and before.is_done:
        return
    house.edge("before suppress")
    book.begin_step(erasure.id, "suppress", house.now)
    key = load_key(house.home, make=True)
    assert key is not None, "it was made"
    stones = person.stones(key, erasure.id, erasure.until)
    house.edge("begun suppress")
    add(house.home, house.lake, stones)
    house.edge("done suppress")
    book.note_facts(erasure.id, "suppress", {"hashes": len(stones)})
    book.end_step(erasure.id, "suppress", house.now, "")
    say("suppress: nothing of them is taken in any more")
