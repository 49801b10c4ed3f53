"""The pages there are, who may see which, and one run of the one that is open."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from dashboard import parts, top
from dashboard.address import View
from dashboard.desk import Desk
from dashboard.doors import FAILED, Door
from dashboard.house import house
from dashboard.page_names import OF_SITE
from dashboard.views import (
    acquisition,
    agency,
    alerts,
    ask,
    commerce,
    content,
    debug,
    deliveries,
    journeys,
    live,
    overview,
    people,
    quality,
    usage,
)
from dashboard.visitors import Visitor, signed_in, visitor_of
from dashboard.words import LANGUAGES, say
from footfall.clients import Client, Site


@dataclass(frozen=True)
class Page:
    """`roles`: who may see it, beside viewers, who see pages about one site.

    `has_period`, `has_filters`, `has_site`: whether what it shows is of the period that is picked, of what is
    filtered and compared, and of the site.
    """

    name: str
    show: Callable[[Desk], None]
    roles: tuple[str, ...] = ("operator", "client")
    has_period: bool = True
    has_filters: bool = True
    has_site: bool = True

    @property
    def is_of_site(self) -> bool:
        """Whether it is about one site, and may be shared by a link."""
        return self.name in OF_SITE


PAGES = (
    Page("overview", overview.show),
    Page("live", live.show, has_period=False),
    Page("acquisition", acquisition.show),
    Page("content", content.show),
    Page("journeys", journeys.show, has_filters=False),
    Page("commerce", commerce.show),
    Page("quality", quality.show, has_filters=False),
    Page("people", people.show, has_period=False),
    Page("ask", ask.show, has_period=False, has_site=False),
    Page("agency", agency.show, ("operator",), has_period=False),
    Page("deliveries", deliveries.show, has_period=False, has_site=False),
    Page("usage", usage.show, has_period=False, has_site=False),
    Page("alerts", alerts.show, has_period=False, has_site=False),
    Page("debug", debug.show, has_period=False),
)
_SECTIONS = {"figures": PAGES[:9], "operations": PAGES[9:]}


def pages_of(visitor: Visitor) -> list[Page]:
    """The pages that somebody may see, in order."""
    grant = visitor.grant
    return [
        page
        for page in PAGES
        if (grant.role in page.roles if grant.role != "viewer" else page.is_of_site)
        and (not grant.pages or page.name in grant.pages)
    ]


def run() -> None:
    """One run of the script."""
    st.set_page_config(page_title="Footfall", layout="wide", page_icon=parts.ICON)
    view = parts.view()
    st.session_state["language"] = view.language or _spoken()
    here = house()
    door = here.door()
    visitor = visitor_of(here, door)
    parts.style()
    if visitor is None:
        _at_the_door(door)
        return
    clients = visitor.clients(here.service)
    place = _place(visitor, clients, view)
    if place is None:
        st.info(say("no_clients"))
        return
    desk = Desk(
        here.service, visitor, *place, replace(view, client=place[0].client_id, site=place[1].site_id)
    )
    allowed = pages_of(visitor)
    if not allowed:
        st.warning(_unknown(visitor.name))
        return
    shown = {
        page.name: st.Page(
            partial(_open, page, desk, clients),
            title=say(page.name),
            url_path=page.name,
        )
        for page in allowed
    }
    sections = {
        say(name): [shown[page.name] for page in pages if page.name in shown]
        for name, pages in _SECTIONS.items()
    }
    # Streamlit knows its default page by no name: it is one of its own, so that every page has an address.
    start = st.Page(_start, title="Footfall", url_path="start", default=True, visibility="hidden")
    # One that others may see is known too, and leads to the first: no word of what there is for whom.
    others = [
        st.Page(partial(_start), title="Footfall", url_path=page.name, visibility="hidden")
        for page in PAGES
        if page.name not in shown
    ]
    found = st.navigation(
        {"": [start, *others], **{name: each for name, each in sections.items() if each}}, expanded=True
    )
    is_elsewhere = found is start or found in others
    wanted = st.session_state.pop(parts.OPEN, allowed[0].name if is_elsewhere else "")
    if wanted in shown:
        st.switch_page(shown[wanted], query_params=desk.view.query)
    parts.keep(desk.view)
    top.keys(desk, clients, has_agency="agency" in shown)
    _sidebar(desk, door)
    found.run()


def _start() -> None:
    """Where somebody is who named no page: never shown."""


def _open(page: Page, desk: Desk, clients: list[Client]) -> None:
    """Show a page; what goes wrong is said in a line."""
    st.title(say(page.name), anchor=False)
    with parts.told():
        if page.name != "agency":
            top.show(
                desk,
                clients,
                has_period=page.has_period,
                has_filters=page.has_period and page.has_filters,
                has_site=page.has_site,
            )
        page.show(desk)


def _place(visitor: Visitor, clients: list[Client], view: View) -> tuple[Client, Site] | None:
    """The client and site of the address where the visitor may see them; else the first that they may."""
    wanted = [each for each in clients if each.client_id == view.client] + clients
    for client in wanted:
        sites = visitor.sites(client)
        found = next((site for site in sites if site.site_id == view.site), sites[0] if sites else None)
        if found is not None:
            return client, found
    return None


def _sidebar(desk: Desk, door: Door) -> None:
    with st.sidebar:
        if desk.visitor.is_shared:
            st.caption(say("shared_view", site=parts.plain(desk.site.site_id)))
            st.markdown(f"[{say('leave_share')}](/?share=)")
        elif door.kind == "oidc":
            st.caption(parts.plain(desk.visitor.name))
            st.button(say("sign_out"), on_click=st.logout)
        elif door.kind == "person":
            st.caption(parts.plain(desk.visitor.name))
        st.segmented_control(
            "Language / Sprache",
            LANGUAGES,
            key="w_language",
            default=st.session_state["language"],
            format_func=str.upper,
            on_change=_speak,
            label_visibility="collapsed",
        )


def _speak() -> None:
    parts.go(language=st.session_state["w_language"] or "")


def _spoken() -> str:
    """The language that the browser asks for, where we have it."""
    return "de" if str(st.context.locale or "").lower().startswith("de") else "en"


def _at_the_door(door: Door) -> None:
    if door.kind == "share":
        st.warning(say("share_over"))
        st.markdown(f"[{say('leave_share')}](/?share=)")
        return
    if door.kind == "oidc":
        user = signed_in(house().service.settings.dashboard_oidc_client)
        if user is None:
            if FAILED in st.query_params:
                st.warning(say("sign_in_failed"))
            st.button(say("sign_in"), on_click=st.login, type="primary")
            return
        if user.refused:
            st.warning(say(user.refused, name=parts.plain(user.email or "?")))
        else:
            st.warning(_unknown(user.email))
        st.button(say("sign_out"), on_click=st.logout)
        return
    st.warning(_unknown(door.said) if door.kind == "person" else say("closed"))


def _unknown(name: str) -> str:
    """To somebody who signed in, and whom nobody let in."""
    return parts.coded(say("closed_person", name=name.replace("`", "")))
