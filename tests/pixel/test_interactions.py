"""Links, forms, clicks, copies, own events, as the collector stored them. Numbers as in pixel/README.md."""

import pytest

pytestmark = pytest.mark.browser

STAY = "<script>addEventListener('click', (event) => event.preventDefault())</script>"


def after(stored, *, body, act, path="/", head=STAY, pixel=""):
    """Opens a page with `body`, acts, leaves it: (type, props) of all that was neither view nor reading."""
    stored.add(path, body=body, head=head, pixel=pixel)
    tab = stored.visit(path)
    act(tab)
    tab.evaluate("footfall('end')")
    tab.close()
    stored.wait(1, "end")
    return [
        (event["type"], event.get("props"))
        for event in stored.events()
        if event["type"] not in ("page_view", "engagement", "end")
    ]


def test_27_an_outbound_link_is_one_event_and_still_leads_out(stored):
    stored.server.pages["/out"] = "<title>elsewhere</title>"
    target = stored.origin("localhost") + "/out?a=1#b"
    stored.add("/", body=f'<a href="{target}">out</a>')
    tab = stored.visit("/")

    tab.click("a")
    tab.wait_for_url("**/out?a=1#b")

    [event] = stored.wait(1, "outbound_click")
    assert event["props"] == {"url": target}


@pytest.mark.parametrize("how", [{"button": "middle"}, {"modifiers": ["Control"]}])
def test_27_a_link_opened_in_another_tab_is_one_event_and_opens(stored, how):
    stored.server.pages["/out"] = "<title>elsewhere</title>"
    stored.add("/", body=f'<a href="{stored.origin("localhost")}/out">out</a>')
    tab = stored.visit("/")

    with stored.context.expect_page():
        tab.click("a", **how)
    tab.close()

    assert len(stored.wait(1, "outbound_click")) == 1


def test_28_and_29_a_link_is_one_thing_only(stored):
    links = {
        "outbound download": "https://out.example/a.pdf",
        "download": "/files/report.PDF?version=2",
        "marked": "/files/plain",
        "page": "/other.html",
        "mail": "mailto:jane@shop.example",
        "phone": "tel:110",
        "script": "javascript:void 0",
    }
    body = "".join(
        f'<p><a id="{name.split()[0]}" href="{href}" {"download" if name == "marked" else ""}>{name}</a></p>'
        for name, href in links.items()
    )
    body += '<p><a id="tagged" data-footfall="brochure" '
    body += 'data-footfall-kind="long" href="https://o.example/b.pdf">t</a>'

    def act(tab):
        for name in [*links, "tagged"]:
            tab.click("#" + name.split()[0])
            tab.wait_for_timeout(10)

    origin = stored.server.origin
    assert after(stored, body=body, act=act, pixel='data-off="rage_click"') == [
        ("outbound_click", {"url": "https://out.example/a.pdf"}),
        ("download", {"url": origin + "/files/report.PDF"}),
        ("download", {"url": origin + "/files/plain"}),
        ("outbound_click", {"url": "mailto:[email]"}),
        ("outbound_click", {"url": "tel:110"}),
        ("brochure", {"kind": "long"}),
    ]


def test_30_a_form_is_told_when_it_is_sent_and_never_with_its_values(stored):
    body = """
      <form id="good" name="letters" action="/join?x=1"><input name="id" value="7"><input name="email"
        type="email" value="jane@shop.example"><button id="go">go</button></form>
      <form id="invalid"><input required><button id="no1">no</button></form>
      <form id="prevented"><button id="no2">no</button></form>
      <form data-footfall="signup" data-footfall-list="news"><button id="own">own</button></form>
      <script>addEventListener('submit', (event) => {
        if (!event.target.matches('#good')) event.preventDefault() });
      document.querySelector('#good').target = 'elsewhere'</script><iframe name="elsewhere"></iframe>"""

    def act(tab):
        for button in ("no1", "no2", "own", "go"):
            tab.click("#" + button)

    sent = after(stored, body=body, act=act, head="", pixel='data-off="rage_click"')

    assert sent == [
        ("signup", {"list": "news"}),
        ("form_submit", {"form_id": "good", "name": "letters", "action": stored.server.origin + "/join"}),
    ]


def test_31_clicks_inside_children_shadow_roots_and_late_elements_count(stored):
    body = """<a data-footfall="child" href="/x"><b id="child">deep</b></a><p id="host"></p><script>
      const root = host.attachShadow({mode: 'open'});
      root.innerHTML = '<button data-footfall="shadow"><i id="inner">in</i></button>';
      setTimeout(() => {
        document.body.insertAdjacentHTML('beforeend', '<button id="late" data-footfall>late</button>') }, 50);
    </script>"""

    def act(tab):
        for target in ("#child", "#inner", "#late"):
            tab.click(target)

    assert after(stored, body=body, act=act) == [("child", None), ("shadow", None), ("click", None)]


def test_32_disabled_and_ignored_elements_tell_nothing(stored):
    body = """<button id="a" disabled data-footfall="no">a</button>
      <div data-footfall-ignore><button id="b" data-footfall="no">b</button></div>"""

    def act(tab):
        tab.click("#a", force=True)
        tab.click("#b")

    assert after(stored, body=body, act=act) == []


def test_33_properties_survive(stored):
    def act(tab):
        tab.evaluate(
            """footfall('kinds', {props: {yes: true, n: 3, text: 'é "x" 🌿',
              when: new Date(0), a: [1, {b: null}]}});
            footfall('no props', {props: ['a']}); footfall('text props', {props: 'a'})"""
        )

    assert after(stored, body="", act=act) == [
        (
            "kinds",
            {
                "yes": True,
                "n": 3,
                "text": 'é "x" 🌿',
                "when": "1970-01-01T00:00:00.000Z",
                "a": [1, {"b": None}],
            },
        ),
        ("no props", None),
        ("text props", None),
    ]


def test_35_calls_before_the_pixel_are_sent_in_order(stored):
    stub = (
        "<script>window.footfall = window.footfall || function () "
        "{ (footfall.q = footfall.q || []).push(arguments) };"
        "for (let n = 0; n < 5; n++) footfall('early', {props: {n}})</script>"
    )
    stored.add("/", head=stub)
    stored.open("/")

    events = sorted(stored.wait(6), key=lambda event: event["id"])
    assert [event["type"] for event in events] == ["page_view"] + ["early"] * 5
    assert [event["props"]["n"] for event in events[1:]] == list(range(5))


def test_copies_and_selections_are_lengths(stored):
    def act(tab):
        tab.evaluate("getSelection().selectAllChildren(document.querySelector('p'))")
        tab.wait_for_timeout(1100)
        tab.keyboard.press("Control+c")
        tab.evaluate("document.querySelector('input').focus(); document.querySelector('input').select()")
        tab.keyboard.press("Control+c")
        tab.wait_for_timeout(1100)

    body = '<p>A sentence worth keeping.</p><input type="text" value="a secret">'
    assert after(stored, body=body, act=act) == [("select", {"length": 25}), ("copy", {"length": 25})]


def test_three_quick_clicks_on_one_spot_are_rage_and_three_slow_ones_are_not(stored):
    def act(tab):
        tab.click("#b", click_count=3, delay=20)
        for _ in range(3):
            tab.wait_for_timeout(600)
            tab.click("#b")

    [(type, props)] = after(stored, body='<button id="b">stuck</button>', act=act)
    assert type == "rage_click"
    assert props["target"] == "button#b"


def test_a_page_that_says_404_is_told(stored):
    stored.add("/gone", head='<meta name="footfall:status" content="404">')
    stored.visit("/gone").close()

    [event] = stored.wait(1, "not_found")
    assert event["url"].endswith("/gone")


def test_a_purchase_carries_order_amount_and_currency(stored):
    def act(tab):
        tab.evaluate(
            "footfall('purchase', {props: {order: 'A1'}, revenue: {amount: '49.90', currency: 'eur'}})"
        )

    assert after(stored, body="", act=act) == [
        ("purchase", {"order": "A1", "revenue": 49.9, "currency": "EUR"})
    ]


def test_common_properties_and_the_last_word_apply_to_every_event(stored):
    def act(tab):
        tab.evaluate(
            """footfall('set', {shop: 'north', plan: 'common'});
            footfall('beforeSend', (event) => { event.title = 'mine';
              return event.type === 'no' ? null : event });
            footfall('yes', {props: {plan: 'own'}}); footfall('no')"""
        )

    assert after(stored, body="", act=act) == [("yes", {"shop": "north", "plan": "own"})]
    assert stored.wait(1, "yes")[0]["title"] == "mine"


def test_a_hook_that_fails_sends_nothing(stored):
    """It may be there to take out what must not leave the page."""

    def act(tab):
        tab.evaluate(
            "footfall('beforeSend', () => { throw 1 }); footfall('no');"
            "footfall('beforeSend', (event) => event)"
        )

    assert after(stored, body="", act=act) == []


def test_personal_data_stays_in_the_page(stored):
    stored.add("/", title="Order of jane@shop.example")
    tab = stored.visit("/?email=jane%40shop.example&password=hunter2")

    tab.evaluate(
        """footfall('paid', {props: {card: '4111 1111 1111 1111', ssn: '078-05-1120', token: 'abc', note: {
          to: 'jane@shop.example'}}}); footfall('identify', 'jane@shop.example')"""
    )
    tab.close()
    stored.wait(1, "paid")

    text = str(stored.events())
    for secret in ("jane", "hunter2", "4111", "078-05", "abc'"):
        assert secret not in text
    assert stored.wait(1, "paid")[0]["props"]["note"] == {"to": "[email]"}
    assert not [event for event in stored.events() if event["type"] == "identify"]


def test_41_automation_says_so(stored):
    stored.visit("/")

    [line] = stored.lines()
    assert line["event"]["webdriver"] is True
    assert "HeadlessChrome" in line["user_agent"]


def test_web_vitals_are_told_once_with_the_view_they_belong_to(stored):
    stored.add("/", body="<h1>Large</h1><button>b</button>", pixel='data-modules="vitals"')
    tab = stored.visit("/")
    tab.wait_for_function("ran.some((src) => src && src.includes('pixel.vitals'))")
    tab.click("button")
    tab.evaluate("history.pushState({}, '', '/second')")
    tab.wait_for_timeout(250)
    tab.close()

    [event] = stored.wait(1, "web_vitals")
    assert event["view_id"] == stored.wait(1, "page_view")[0]["view_id"]
    assert event["url"] == stored.server.origin + "/"
    props = event["props"]
    assert 0 <= props["ttfb_ms"] <= props["fcp_ms"] <= props["lcp_ms"] < 60_000
    assert 0 <= props["cls"] < 1


def test_the_module_build_counts_like_the_tag(stored):
    stored.server.pages["/built"] = f"""<!doctype html><title>Built</title><script type="module">
      import {{init, footfall}} from '{stored.endpoint}/footfall.mjs';
      footfall('early');
      init({{site: 'pk_shop_Hn40rBy6', endpoint: '{stored.endpoint}/collect'}});
      footfall('late');
    </script>"""
    tab = stored.open("/built")
    tab.wait_for_function("window.footfall && window.footfall.loaded")
    tab.close()

    assert sorted(event["type"] for event in stored.wait(4)) == ["early", "engagement", "late", "page_view"]
