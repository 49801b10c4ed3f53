"""The top of a page: client, site, period, comparison and filters."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from api.ranges import compared
from dashboard import parts, shown
from dashboard.address import COMPARISONS, PERIODS, WORDS, Filter
from dashboard.desk import SEGMENT, Desk
from dashboard.shown import plain
from dashboard.words import say, title_of
from footfall.clients import Client

#: The form for one more filter: in the session, whether it is open.
ADD_FILTER = "w_add_filter"
#: The comparison with days that somebody chooses.
OWN = "own"
#: Dimensions that can be filtered by in the form.
FILTERABLE = (
    *("channel", "source", "medium", "campaign", "page", "landing_page", "exit_page", "country", "region"),
    *("city", "device", "browser", "os", "language", "referrer_host"),
)


def show(
    desk: Desk, clients: Sequence[Client], *, has_period: bool, has_filters: bool, has_site: bool
) -> None:
    """Client, and what of site, period, comparison and filters a page is about."""
    with st.container(key="pickers"):
        columns = st.columns(
            [2, 2, 1.4, 1.6, 1.6] if has_filters else [2, 2, 4.6], vertical_alignment="bottom"
        )
    _client(desk, clients, columns[0])
    if has_site:
        _site(desk, columns[1])
    if has_filters:
        _comparison(desk, columns[2], columns[3])
        with columns[4].popover(
            say("add_filter"), width="stretch", key=ADD_FILTER, on_change="rerun"
        ) as form:
            # What there is to choose from is asked once somebody opens it.
            if form.open:
                _filter_form(desk)
    if has_period:
        _periods(desk, is_compared=has_filters)
        if desk.view.reaches_beyond(desk.today):
            st.caption(say("not_yet", today=plain(shown.day(desk.today))))
    if has_filters:
        _filters(desk)
    elif has_period and desk.filters:
        st.caption(say("filters_not_here"))


def keys(desk: Desk, clients: Sequence[Client], *, has_agency: bool) -> None:
    """The keys 1 to 9 for the first nine sites, and 0 for all clients; nothing of it is seen."""
    sites = [(client, site) for client in clients for site in desk.visitor.sites(client)][:9]
    if len(sites) < 2:
        return
    with st.container(key="keys"):
        for number, (client, site) in enumerate(sites, start=1):
            st.button(
                f"{plain(client.name or client.client_id)} / {plain(site.site_id)}",
                key=f"w_key_{number}",
                shortcut=str(number),
                on_click=parts.go,
                kwargs={"client": client.client_id, "site": site.site_id},
            )
        if has_agency:
            st.button(say("agency"), key="w_key_0", shortcut="0", on_click=parts.open_page, args=("agency",))


def _client(desk: Desk, clients: Sequence[Client], at: DeltaGenerator) -> None:
    names = {each.client_id: each.name or each.client_id for each in clients}
    if len(names) > 1:
        at.selectbox(
            say("client"),
            list(names),
            index=list(names).index(desk.client.client_id),
            format_func=lambda each: str(names[each]),
            key=f"w_client_{desk.client.client_id}",
            on_change=lambda: parts.go(client=st.session_state[f"w_client_{desk.client.client_id}"], site=""),
        )
    else:
        at.markdown(f"**{plain(desk.client.name or desk.client.client_id)}**")


def _site(desk: Desk, at: DeltaGenerator) -> None:
    sites = [each.site_id for each in desk.visitor.sites(desk.client)]
    key = f"w_site_{desk.client.client_id}_{desk.site.site_id}"
    if len(sites) > 1:
        at.selectbox(
            say("site"),
            sites,
            index=sites.index(desk.site.site_id),
            key=key,
            on_change=lambda: parts.go(site=st.session_state[key]),
        )
    else:
        at.markdown(
            f"{plain(desk.site.site_id)} · {plain(desk.site.domains[0] if desk.site.domains else '')}"
        )


def _comparison(desk: Desk, which: DeltaGenerator, how: DeltaGenerator) -> None:
    is_own = desk.view.has_own_comparison
    among = (*COMPARISONS, OWN)
    key = f"w_compare_{desk.view.compare}"
    which.selectbox(
        say("compare"),
        among,
        index=among.index(OWN if is_own else desk.view.compare),
        format_func=lambda each: say(f"c_{each}"),
        key=key,
        on_change=_compare,
        args=(desk, key),
    )
    if is_own and desk.before:
        key = f"w_compare_days_{desk.view.compare}"
        how.date_input(
            say("compared_days"),
            value=desk.before,
            min_value=min(desk.first, desk.before[0]),
            max_value=max(desk.today, desk.before[1]),
            key=key,
            on_change=_pick_days,
            args=(key, "compare"),
            format=shown.date_format(),
        )
        return
    how.checkbox(
        say("weekday"),
        value=desk.view.is_by_weekday,
        key=f"w_weekday_{desk.view.is_by_weekday}",
        on_change=lambda: parts.go(is_by_weekday=not desk.view.is_by_weekday),
        disabled=not desk.view.compare,
    )


def _periods(desk: Desk, *, is_compared: bool) -> None:
    with st.container(horizontal=True, key="periods", gap="small"):
        for period, letter in PERIODS.items():
            st.button(
                say(f"p_{period}"),
                key=f"w_period_{period}",
                type="primary" if desk.view.period == period else "tertiary",
                shortcut=letter,
                on_click=parts.go,
                kwargs={"period": period},
            )
        is_custom = "," in desk.view.period
        with st.popover(shown.days(*desk.days) if is_custom else say("custom")):
            st.date_input(
                say("period"),
                value=desk.days,
                min_value=min(desk.first, desk.days[0]),
                max_value=desk.today,
                key=f"w_days_{desk.days[0]}_{desk.days[1]}",
                on_change=_pick_days,
                args=(f"w_days_{desk.days[0]}_{desk.days[1]}", "period"),
                format=shown.date_format(),
            )
        st.button("←", key="w_earlier", help=say("earlier"), shortcut="Left", on_click=_move, args=(desk, -1))
        st.button(
            "→",
            key="w_later",
            help=say("later"),
            shortcut="Right",
            on_click=_move,
            args=(desk, 1),
            disabled=desk.days[1] >= desk.today,
        )
        if is_compared:
            st.button(
                "⇄",
                key="w_no_compare",
                help=say("compare_help"),
                shortcut="X",
                type="tertiary",
                on_click=_toggle,
                args=(desk,),
            )


def _move(desk: Desk, by: int) -> None:
    moved = desk.view.moved(desk.days, by)
    parts.goto(replace(moved, client=desk.client.client_id, site=desk.site.site_id))


def _toggle(desk: Desk) -> None:
    parts.go(compare="" if desk.view.compare else "previous_period")


def _pick_days(key: str, name: str) -> None:
    """In a callback: two days that were picked, as what the view calls `name`."""
    picked = st.session_state[key]
    if isinstance(picked, tuple) and len(picked) == 2:
        parts.go(**{name: f"{picked[0]},{picked[1]}"})


def _compare(desk: Desk, key: str) -> None:
    """In a callback: days of one's own begin as those of the period before."""
    picked = st.session_state[key]
    if picked == OWN:
        first, last = desk.before or compared("previous_period", desk.days, is_by_weekday=False)
        picked = f"{first},{last}"
    parts.go(compare=picked)


def _filter_form(desk: Desk) -> None:
    segments = [each.name for each in desk.client.segments]
    among = (*((SEGMENT,) if segments else ()), *FILTERABLE)
    dimension = st.selectbox(say("filter"), among, format_func=title_of, key="w_f_dimension")
    word = st.selectbox(" ", WORDS, format_func=lambda each: say(f"w_{each}"), key="w_f_word")
    if dimension == SEGMENT and word not in ("is", "is_not"):
        word = "is"
    unfiltered = desk.at(filters=())
    known = (
        segments
        if dimension == SEGMENT
        else (
            [str(row.of[0]) for row in unfiltered.rows(["visitors"], [dimension], limit=500)]
            if word in ("is", "is_not") and unfiltered.can("visitors", [dimension])
            else []
        )
    )
    values = st.multiselect(
        say("value"),
        known,
        key=f"w_f_values_{dimension}_{word}",
        accept_new_options=True,
        format_func=lambda each: shown.value_of(dimension, each),
    )
    st.button(
        say("apply"),
        key="w_f_apply",
        type="primary",
        disabled=not values,
        on_click=_add_filter,
        args=(desk, Filter(dimension, tuple(values), word)),
    )


def _add_filter(desk: Desk, added: Filter) -> None:
    rest = tuple(
        each for each in desk.filters if each.dimension != added.dimension or each.word != added.word
    )
    parts.go(filters=(*rest, added))


def _filters(desk: Desk) -> None:
    """What is filtered, each to be taken off."""
    if not desk.filters:
        return
    with st.container(horizontal=True, key="filters", gap="small"):
        for number, each in enumerate(desk.filters):
            values = ", ".join(
                shown.short(shown.value_of(each.dimension, value), 40) for value in each.values
            )
            st.button(
                f"{title_of(each.dimension)} {say(f'w_{each.word}')} **{plain(values)}**  ✕",
                key=f"w_filter_{number}",
                on_click=lambda taken=each: parts.go(filters=desk.view.without(taken).filters),
            )
        with st.container(key="clear"):
            st.button(
                say("clear_filters"),
                key="w_filters_clear",
                shortcut="Esc",
                type="tertiary",
                on_click=parts.go,
                kwargs={"filters": ()},
            )
