"""What docs/privacy.md promises, on two corpora that were made without looking at the rules."""

from collections import Counter, defaultdict

import pytest
from support import planted_forms, planted_texts
from support.mutated_events import Mutations

from footfall.event import Refused, check_event
from footfall.scrub import scrub_event

CORPORA = {"texts": planted_texts, "forms": planted_forms}
#: Texts of each class; each stands in twenty to forty places.
TEXTS = 8


def stored(raw):
    """What is kept of an event, by the way that events take."""
    return check_event(raw).raw


@pytest.mark.parametrize("name", CORPORA)
def test_of_every_promised_class_at_least_995_of_1000_texts_are_gone(name):
    tried, kept = Counter(), defaultdict(list)
    for case in CORPORA[name].promised(11, TEXTS):
        tried[case.kind] += 1
        found = stored(case.raw)
        if case.has_kept(found):
            kept[case.kind].append((case.place, case.text, found))

    assert len(tried) >= 12
    assert sum(tried.values()) > 3000
    for kind, count in tried.items():
        assert len(kept[kind]) <= 0.005 * count, (kind, count, kept[kind][:5])


@pytest.mark.parametrize("name", CORPORA)
def test_of_texts_that_only_look_like_it_at_most_5_of_1000_are_touched(name):
    count, touched = 0, []
    for case in CORPORA[name].harmless(12):
        count += 1
        if not case.is_unchanged(found := stored(case.raw)):
            touched.append((case.kind, case.place, found))

    assert count > 2000
    assert len(touched) <= 0.005 * count, touched[:10]


def holes(seed, events):
    """Of so many events: those that the quick look lets pass although the rules find something in them."""
    mutations = Mutations(seed)
    passed, found = 0, []
    for _ in range(events):
        raw = mutations.event()
        scrubbed, redactions = scrub_event(raw)
        try:
            # The quick look is what decides whether an event may hold anything.
            is_plain = not check_event(raw).has_clicks
        except Refused:
            continue
        passed += is_plain
        if is_plain and redactions:
            found.append((raw, scrubbed))
    return passed, found


def test_the_quick_look_passes_nothing_that_the_rules_would_change():
    passed, found = holes(seed=1, events=5_000)

    assert passed > 1000
    assert found == []


@pytest.mark.proof
def test_the_quick_look_passes_nothing_of_200_000_events():
    passed, found = holes(seed=2, events=200_000)

    assert passed > 40_000
    assert found == []
