"""What is clicked on a page whose tag has data-clicks, as the collector stored it."""

import pytest

pytestmark = pytest.mark.browser

STAY = "<script>addEventListener('click', (event) => event.preventDefault())</script>"
CLICKS = 'data-clicks data-off="rage_click"'


def clicks(stored, *, body, act, pixel=CLICKS, head=STAY):
    """Opens a page with `body`, acts, leaves it: the properties of every click, in their order."""
    stored.add("/", body=body, head=head, pixel=pixel)
    tab = stored.visit("/")
    act(tab)
    tab.evaluate("footfall('end')")
    tab.close()
    stored.wait(1, "end")
    return [event["props"] for event in stored.events() if event["type"] == "click"]


def each(*ids):
    def act(tab):
        # The part comes after the core.
        tab.wait_for_function("ran.some((src) => src && src.includes('pixel.clicks'))")
        for name in ids:
            tab.click(f"#{name}")
            tab.wait_for_timeout(80)

    return act


def test_a_click_says_the_kind_of_element_its_id_its_text_and_where_it_leads(stored):
    body = """
        <p><a id="terms" href="/terms?session=17#top"><b>Our</b>
           terms</a>
        <p><button id="buy"><span id="inner">Buy  now</span></button>
        <p><a id="call" href="tel:+49301234567">Call</a>
        <p><a id="write" href="mailto:jane@shop.example">Write</a>
        <p><button id="icon" aria-label="Close">×</button>
        <p><input id="send" type="submit" value="Send">
        <p id="plain">Dear Jane Doe, your balance is 17</p>
    """

    found = clicks(stored, body=body, act=each("terms", "inner", "call", "write", "icon", "send", "plain"))

    assert found == [
        {"tag": "a", "id": "terms", "text": "Our terms", "link": stored.server.origin + "/terms"},
        {"tag": "button", "id": "buy", "text": "Buy now"},
        {"tag": "a", "id": "call", "text": "Call", "link": "tel:"},
        {"tag": "a", "id": "write", "text": "Write", "link": "mailto:"},
        {"tag": "button", "id": "icon", "text": "Close"},
        {"tag": "input", "id": "send", "text": "Send"},
        {"tag": "p", "id": "plain"},
    ]


def test_nothing_that_was_typed_or_looks_personal_is_sent_and_a_long_text_is_cut_behind_that(stored):
    long = "x" * 70 + " jane.doe@shop.example and more"
    body = f"""
        <p><input id="field" value="secret"><p><textarea id="area">secret</textarea>
        <p><div id="edited" contenteditable role="button">secret</div>
        <p><label id="around">Name <textarea id="within">secret</textarea></label>
        <p><select id="choice"><option>secret</option></select>
        <p><button id="long">{long}</button>
        <p><button id="mail">jane@shop.example</button>
        <p><button id="jane@shop.example">x</button>
    """

    def act(tab):
        each("field", "area", "edited", "within", "long", "mail")(tab)
        tab.click("text=x >> nth=-1")

    found = clicks(stored, body=body, act=act)

    assert "secret" not in str(found) and "jane" not in str(found)
    by_id = {props.get("id"): props for props in found}
    assert by_id["long"]["text"] == "x" * 70 + " [email] a"
    assert by_id["mail"]["text"] == "[email]"
    assert {props["id"] for props in found} >= {"field", "area", "edited", "[email]"}


def test_a_label_and_its_field_are_one_click_and_two_clicks_are_two(stored):
    body = '<p><label id="label">Yes <input type="checkbox" id="box"></label><p><button id="twice">A</button>'

    found = clicks(stored, body=body, act=each("label", "twice", "twice"), head="")

    assert [props["tag"] for props in found] == ["label", "button", "button"]


def test_what_is_marked_has_its_own_event_and_what_is_ignored_none(stored):
    body = """
        <p><button id="marked" data-footfall="brochure">a</button>
        <p data-footfall-ignore><button id="left">b</button>
        <p><button id="seen">c</button>
    """

    def act(tab):
        each("marked", "left", "seen")(tab)
        tab.evaluate("document.querySelector('#seen').click()")  # nobody clicked

    assert [props["id"] for props in clicks(stored, body=body, act=act)] == ["seen"]


def test_without_the_attribute_clicks_are_not_told(stored):
    def act(tab):
        tab.wait_for_load_state("networkidle")
        tab.click("#buy")

    assert clicks(stored, body='<button id="buy">Buy</button>', act=act, pixel="") == []
