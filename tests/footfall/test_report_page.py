"""A report as a page: no elements but our own, whatever strangers sent; the same facts, the same bytes."""

import base64
import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.brand import Brand
from footfall.catalogue.periods import calendar
from footfall.report.asking import RANKINGS
from footfall.report.facts import Counts, Facts, Item, Late, Money, Note, Point, Ranking
from footfall.report.letter import Letter
from footfall.report.page import Looks, page, without_charts
from footfall.report.style import css, visible
from footfall.report.words import WORDS, shown

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style></svg><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)' autofocus onfocus='alert(2)",
    "--><!-- chart --><svg onload=alert(1)>",
    "&lt;script&gt; &amp;#60; &#x3c;b&#x3e; {what} {0} %s",
    "javascript:alert(1)",
    "\u202eexe.gpj\u2066x\u200f",
    "a\0b\x1b[31m\x85\ud800",
    "שלום עולם مرحبا",
    "x" * 10_000,
    "]]><![CDATA[ <?xml ?> <!DOCTYPE x>",
    "@import url(https://evil.example);}body{background:url(//evil.example)}",
]
VOID = {"meta"}
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "p", "bdi", "h1", "h2", "ul", "li", "dl"),
    *("div", "dt", "dd", "span", "figure", "svg", "desc", "g", "path", "text", "polyline", "rect"),
    *("details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "section", "footer"),
}


class Read(HTMLParser):
    """The elements of a page in order, with their attributes; each is closed where it has to be."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.texts = []
        self._open = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, tuple(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def shape(self):
        return [(tag, tuple(name for name, _ in attrs)) for tag, attrs in self.elements]


def facts(text="plain", cadence="weekly", now=40, before=20):
    """A period of which every name is one text."""
    periods = calendar(cadence, "Europe/Berlin")
    period = periods.at(AT)
    counts = Counts(now, now, 3 * now, now // 2, Decimal(90 * now), 4 * now, 5, 6 * now, 2, 1)
    days = {period.start.date() + timedelta(days=n): counts for n in range(-7, 7)}
    points = tuple(Point(day, now + n, before) for n, day in enumerate(sorted(days)[7:]))
    item = Item((text, text), now, before, {"page_views": 3, "entrances": 1, "conversions": 1, "visitors": 2})
    return Facts(
        period=period,
        before=periods.before(period.start),
        complete_through=period.end,
        began=min(days),
        now=counts,
        then=Counts(before, before, before, 1, Decimal(before)),
        days=days,
        points=points,
        rankings={name: Ranking((item,), (item,), 12, 500) for name in RANKINGS},
        money=(Money(text, 3, Decimal("12.50"), Decimal(1), 1, Decimal(2), Decimal(0)),),
        late=(Late(period.start.date(), 3),),
        notes=(Note(period.start.date(), text),),
    )


def looks(text="plain", **more):
    return Looks(text, (text, "other"), "Europe/Berlin", **more)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", WORDS)
def test_no_text_of_a_stranger_makes_an_element_an_attribute_or_a_comment(text, language):
    made = page(facts(text), looks(text, language=language)).decode()
    plain = page(facts(), looks(language=language)).decode()

    assert Read(made).shape == Read(plain).shape
    assert made.count("<!--") == plain.count("<!--")
    assert {tag for tag, _ in Read(made).elements} <= OURS
    assert len(made.encode()) < 100_000


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=400), st.integers(0, 10**12), st.integers(0, 10**12))
def test_any_text_and_any_number_give_a_page_of_our_elements_alone(text, now, before):
    made = Read(page(facts(text, now=now, before=before), looks(text)).decode())

    assert {tag for tag, _ in made.elements} <= OURS
    assert {name for _, attrs in made.elements for name, _ in attrs if name.startswith("on")} == set()
    assert [value for _, attrs in made.elements for name, value in attrs if name in ("src", "href")] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_the_body_of_a_mail_is_the_page_without_its_drawings(text):
    body = without_charts(page(facts(text), looks(text)).decode())

    assert Read(body).elements
    assert "<svg" not in body
    assert "<table" in body


def test_a_letter_says_the_title_and_the_sentences_as_plain_text():
    letter = Letter("report.html", page(facts("Tom & <b>"), looks("Tom & <b>")))

    assert letter.subject == "Tom & <b>: Weekly report, Week 47 of 2026"
    assert letter.text.splitlines()[0] == "Visitors rose by 20 (+100.0\u00a0%) to 40."


def test_the_page_allows_its_own_style_sheet_and_nothing_else():
    made = page(facts(), looks()).decode()
    [style] = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)
    [said] = [
        dict(attrs)["content"]
        for tag, attrs in Read(made).elements
        if tag == "meta" and dict(attrs).get("http-equiv") == "Content-Security-Policy"
    ]

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert said.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "style=" not in made
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_facts_are_the_same_bytes():
    assert page(facts(), looks()) == page(facts(), looks())


def test_every_drawing_has_words_and_the_timeline_its_numbers_as_a_table():
    made = page(facts(), looks()).decode()

    assert made.count('role="img"') == 1
    assert 'aria-labelledby="line-title line-text"' in made
    assert made.count("<svg") == made.count('role="img"') + made.count('aria-hidden="true"')
    [table] = re.findall(r"<details>.*?</details>", made, re.DOTALL)
    assert re.findall(r"<td>(\d+)</td><td>20</td>", table) == [str(40 + n) for n in range(7)]


def test_a_chart_of_a_month_has_three_kilobytes_at_most():
    many = tuple(Point(date(2026, 10, n), 12345 + n, 54321) for n in range(1, 32))
    full = page(Facts(**{**vars(facts()), "points": many}), looks()).decode()
    [month] = re.findall(r'<svg class="line".*?</svg>', full)

    assert len(month.encode()) <= 3 * 1024
    assert max(map(len, re.findall(r'<svg class="bar".*?</svg>', full))) < 200


def test_german_writes_numbers_days_and_sentences_as_germans_do():
    made = page(facts(now=12_000, before=10_000), looks(language="de")).decode()

    assert '<html lang="de">' in made
    assert "<h1>Woche 47, 2026</h1>" in made
    assert "Besucher: um 2.000 (+20,0\u00a0%) gestiegen auf 12.000." in made
    assert "Vollständig bis 23. November 2026, 00:00 (Europe/Berlin)." in made


def test_all_languages_say_the_same_things():
    names = {frozenset(words.texts) for words in WORDS.values()}
    places = {
        name: {frozenset(re.findall(r"\{(\w+)\}", words.texts[name])) for words in WORDS.values()}
        for name in WORDS["en"].texts
    }

    assert len(names) == 1
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("color", ["#ffffff", "#000000", "#ffff00", "#14171c", "#2563a8", "#fF0080"])
@pytest.mark.parametrize("paper", ["#ffffff", "#14171c"])
def test_a_clients_colour_is_moved_until_it_is_seen(color, paper):
    def light(text):
        parts = [int(text[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(visible(color, paper)), light(paper)))

    assert (high + 0.05) / (low + 0.05) >= 3


@pytest.mark.parametrize(
    "color", ["red", "#12345", "#1234567", "#12345g", "#fff;}*{}", "url(x)", "#ffffff\n", "", "rgb(1,2,3)"]
)
def test_what_is_no_colour_is_refused_and_never_part_of_a_style(color):
    with pytest.raises(ValueError, match="pattern"):
        Brand(color=color)


def test_a_colour_stands_nowhere_but_as_six_digits():
    assert set(re.findall(r"--accent:([^;}]*)", css("#FFFFFF"))) <= {"#8c8c8c", "#ffffff", "#949494"} | {
        visible("#ffffff", "#ffffff")
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n\tb", "a b"),
        ("a\0b", "a\ufffdb"),
        ("\u202eabc", "\ufffdabc"),
        ("x" * 81, "x" * 80 + "…"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\ud800", "\ufffd"),
    ],
)
def test_a_strangers_text_is_one_short_line_without_anything_hidden(text, said):
    assert shown(text) == said
