"""Tags that say nothing of their site: on a site's own path, and with the key in the address."""

import pytest
from support.receiver import SITE_KEY


def a_page(site, source: str) -> None:
    """A page whose tag has an address and nothing else."""
    tag = f'<script src="{site.endpoint}{source}"></script>'
    site.server.pages["/"] = f"<!doctype html><html><head><title>T</title>{tag}</head><body></body></html>"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("source", "sent_to"), [("/t/shop.js", "/t/shop"), (f"/pixel.js?site={SITE_KEY}", "/collect")]
)
def test_a_tag_without_attributes_works_and_sends_to_where_it_came_from(stored, source, sent_to):
    a_page(stored, source)
    tab = stored.page()
    with tab.expect_request(lambda request: request.method == "POST") as sent:
        tab.goto(stored.origin() + "/")

    stored.wait(1, "page_view")

    [line] = [line for line in stored.lines() if line["type"] == "page_view"]
    assert (line["client_id"], line["site_id"]) == ("demo", "shop")
    assert sent.value.url == stored.endpoint + sent_to
    assert stored.errors == []


@pytest.mark.browser
def test_a_tag_that_nothing_says_the_site_of_tells_the_console(stored):
    a_page(stored, "/pixel.js")
    tab = stored.page()
    with tab.expect_console_message(lambda message: "no data-site" in message.text):
        tab.goto(stored.origin() + "/")


def test_who_reads_the_file_gets_the_file(real_collector):
    alone = real_collector.ask("GET", "/pixel.js").body

    assert real_collector.ask("GET", "/t/shop.js").body == alone
    of_tag = real_collector.ask("GET", "/t/shop.js", None, {"Sec-Fetch-Dest": "script"})
    assert of_tag.body.endswith(alone)
    assert SITE_KEY.encode() in of_tag.body
    assert "sec-fetch-dest" in of_tag.headers["vary"]
    tag = of_tag.headers["etag"]
    again = {"Sec-Fetch-Dest": "script", "If-None-Match": tag}
    assert real_collector.ask("GET", "/t/shop.js", None, again).status == 304
    assert real_collector.ask("GET", "/pixel.js", None, {"If-None-Match": tag}).status == 200
    strange = real_collector.ask("GET", "/pixel.js?site=pk_nobody_1", None, {"Sec-Fetch-Dest": "script"})
    assert strange.body == alone
