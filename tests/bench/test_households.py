"""Why households are not offered: the figures of docs/not-yet.md are those that are measured."""

import re

from support.repository import ROOT

from bench.households import REACHES, measured

#: Each rule as the page calls it.
RULES = {
    "network": "the network (/24, /56) with 2 to 8 devices on 3 days",
    "address": "the address itself, likewise",
    "regulars": "the address, devices seen there on 3 days each, no carriers' gateways",
}


def test_no_rule_is_good_enough_and_the_page_says_how_good_each_is():
    found = [each for reach in REACHES for each in measured(reach)]
    page = (ROOT / "docs" / "not-yet.md").read_text()

    told = dict(re.findall(r"^\| (the [^|]+) \| (\d[^\n]+) \|$", page, re.MULTILINE))

    assert not any(each.is_good for each in found)
    assert told == {
        said: " | ".join(
            f"{each.precision:.0%}, {each.recall:.0%}".replace("%", " %")
            for each in found
            if each.rule == rule
        )
        for rule, said in RULES.items()
    }


def test_another_town_of_the_same_kind_comes_to_the_same():
    assert not any(each.is_good for seed in (2, 3) for each in measured(REACHES[0], seed))
