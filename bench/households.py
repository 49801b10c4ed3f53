"""How well would devices be joined into households by the network that they share? On a made-up town.

python -m bench.households       a table: share of pairs that are right (precision), of households' pairs that
                                 are found (recall)

The rules are the mildest that could be offered: only devices with a first-party id by consent, of one site
and one month, by a keyed hash that the collector would make. `network`: of IPv4's /24 or IPv6's /56; it joins
its devices where 2 to 8 of them were seen in it, on 3 days at least. `address`: of the IPv4 address itself.
`regulars`: the same of devices that were seen there on 3 days each, carriers' gateways known and left out.

Nothing of this is built. What the town is like are assumptions, each below with its reason; a seed gives one
table.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

DAYS = 30
#: Households of the town: a site of a region; more changes the figures by less than a hundredth.
HOUSEHOLDS = 40_000
#: Persons of a household, as in central Europe: two in five people who keep house live alone.
SIZES, SIZE_SHARES = (1, 2, 3, 4, 5), (41, 34, 12, 9, 4)
#: Devices of a person: a telephone, and often a second one.
SECOND_DEVICE = 0.6
#: Lines: IPv6 with a network of its own; IPv4 with an address of its own; IPv4 shared by a carrier's gateway.
LINES, LINE_SHARES = ("v6", "v4", "shared"), (45, 30, 25)
#: Lines whose network changes each day, as with several large providers.
CHANGES_DAILY = 0.4
#: Lines behind one address of a carrier's gateway, and telephones behind one of a mobile network.
BEHIND_GATEWAY, BEHIND_MOBILE = 64, 500
#: Households whose lines lie in one /24.
IN_A_NETWORK = 200
#: Who works or learns where others do, and how many share that place's address.
HAS_WORKPLACE, AT_WORKPLACE = 0.6, 40
#: Where a visit is made, by device: at home, on the way, at work, as a guest of another network (of so many).
PLACES = ("home", "mobile", "work", "guest")
TELEPHONE, OTHER = (50, 30, 12, 8), (75, 2, 18, 5)
GUEST_NETWORKS = 300
#: Days on which somebody who visits the site at all does so within a month.
VISIT_DAYS = (1, 2, 3, 5, 8, 15)
#: How much likelier others of a household visit what one of it does.
TOGETHER = 0.35
#: Who allows an id that stays (tier 3).
CONSENTS = 0.5
#: Joined where so many devices were seen in a network, on so many days.
FEWEST, MOST, ON_DAYS = 2, 8, 3
#: Shares of a town that a site reaches in a month.
REACHES = (0.005, 0.02, 0.1)
#: Below these no client could use it: one pair in twenty is wrong, half of all is found.
GOOD_PRECISION, GOOD_RECALL = 0.95, 0.5


@dataclass(eq=False)
class Home:
    """A household. `network`: number of its line; `visitors`: its devices that the site sees."""

    number: int
    line: str
    is_daily: bool
    devices: list["Device"] = field(default_factory=list)

    def networks(self, day: int, luck: random.Random) -> tuple[str, str]:
        """The address of a day, and the network above it: those that a rule could hash."""
        turn = day if self.is_daily else 0
        if self.line == "v6":
            own = f"6:{self.number}:{turn}"
            return own, own
        if self.line == "v4":
            above = self.number // IN_A_NETWORK
            place = luck.randrange(250) if self.is_daily else self.number % IN_A_NETWORK
            return f"4:{above}:{place}", f"4:{above}"
        above = self.number // BEHIND_GATEWAY
        return f"g:{above}", f"g:{above // 250}"


@dataclass(eq=False)
class Device:
    """A browser with an id that stays."""

    home: Home
    is_telephone: bool
    workplace: int | None


@dataclass(frozen=True)
class Result:
    """Of one rule at one reach of a site."""

    reach: float
    rule: str
    pairs: int
    precision: float
    recall: float

    @property
    def is_good(self) -> bool:
        """Whether it could be offered."""
        return self.precision >= GOOD_PRECISION and self.recall >= GOOD_RECALL


def town(reach: float, luck: random.Random) -> list[Device]:
    """Devices with an id in a town, of whom a site reaches so large a share."""
    found = []
    for number in range(HOUSEHOLDS):
        [line] = luck.choices(LINES, LINE_SHARES)
        home = Home(number, line, luck.random() < CHANGES_DAILY)
        [size] = luck.choices(SIZES, SIZE_SHARES)
        somebody = False
        for _ in range(size):
            chance = TOGETHER if somebody else reach
            if luck.random() >= chance:
                continue
            somebody = True
            work = luck.randrange(HOUSEHOLDS // AT_WORKPLACE) if luck.random() < HAS_WORKPLACE else None
            kinds = [True, False] if luck.random() < SECOND_DEVICE else [True]
            home.devices += [Device(home, each, work) for each in kinds if luck.random() < CONSENTS]
        found += home.devices
    return found


def visits(devices: list[Device], luck: random.Random) -> Iterator[tuple[Device, int, str, str]]:
    """(device, day, address, network above it) of each visit of a month."""
    for device in devices:
        for day in sorted(luck.sample(range(DAYS), luck.choice(VISIT_DAYS))):
            [place] = luck.choices(PLACES, TELEPHONE if device.is_telephone else OTHER)
            if place == "work" and device.workplace is not None:
                yield device, day, f"w:{device.workplace}", f"w:{device.workplace}"
            elif place == "mobile":
                gate = luck.randrange(max(1, HOUSEHOLDS // BEHIND_MOBILE))
                yield device, day, f"m:{gate}", f"m:{gate // 250}"
            elif place == "guest":
                other = luck.randrange(GUEST_NETWORKS)
                yield device, day, f"c:{other}", f"c:{other}"
            else:
                yield device, day, *device.home.networks(day, luck)


def measured(reach: float, seed: int = 1) -> list[Result]:
    """Precision and recall of both rules in one town."""
    luck = random.Random(seed)
    devices = town(reach, luck)
    seen: dict[str, dict[str, set[tuple[Device, int]]]] = {"network": {}, "address": {}, "regulars": {}}
    for device, day, address, network in visits(devices, luck):
        for rule, key in (("network", network), ("address", address), ("regulars", address)):
            if rule != "regulars" or key[0] not in "gm":
                seen[rule].setdefault(key, set()).add((device, day))
    truth = {
        frozenset(pair) for home in {each.home for each in devices} for pair in combinations(home.devices, 2)
    }
    results = []
    for rule, networks in seen.items():
        joined = set[frozenset[Device]]()
        for held in networks.values():
            together: dict[Device, set[int]] = defaultdict(set)
            for device, day in held:
                together[device].add(day)
            if rule == "regulars":
                together = {each: days for each, days in together.items() if len(days) >= ON_DAYS}
            days = {day for some in together.values() for day in some}
            if FEWEST <= len(together) <= MOST and len(days) >= ON_DAYS:
                joined |= {frozenset(pair) for pair in combinations(together, 2)}
        right = len(joined & truth)
        results.append(Result(reach, rule, len(joined), right / max(1, len(joined)), right / len(truth)))
    return results


def main() -> None:
    """Print the table."""
    for reach in REACHES:
        for each in measured(reach):
            shares = f"precision {each.precision:4.0%}  recall {each.recall:4.0%}"
            said = "good" if each.is_good else "not good enough"
            print(f"reach {each.reach:6.1%}  by {each.rule:8}  pairs {each.pairs:6}  {shares}  {said}")


if __name__ == "__main__":
    main()
