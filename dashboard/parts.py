"""Parts of pages: the row on top, filters, cards, lists with bars, charts with their tables."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from api.answers import csv_answer
from api.problems import CODES, Problem
from dashboard import charts, shown
from dashboard.address import View
from dashboard.desk import Desk, Gone, Row
from dashboard.shown import coded, plain
from dashboard.words import say, title_of
from footfall.errors import FootfallError

__all__ = ["coded", "plain"]
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<path fill="#3b5bdb" d="M1 9h3v6H1zm5-4h3v10H6zm5-4h3v14h-3z"/></svg>'
)
ICON = f"data:image/svg+xml;base64,{b64encode(_SVG.encode()).decode()}"
#: In the session: the page to be opened by the next run.
OPEN = "open_page"
#: Rows of a list.
ROWS = 9


def style() -> None:
    """The look of buttons that are cards and of rows that are bars."""
    st.html(Path(__file__).with_name("style.css"))


def view() -> View:
    """The view of the address; that of the page before where another page was opened by the menu."""
    found = {name: st.query_params.get_all(name) for name in st.query_params}
    if not found and "view" in st.session_state:
        kept: View = st.session_state["view"]
        return kept
    return View.of(found)


def keep(found: View) -> None:
    """Write the view into the address, and remember it for the next page."""
    st.session_state["view"] = found
    now = {name: st.query_params.get_all(name) for name in st.query_params}
    wanted = {name: [value] if isinstance(value, str) else value for name, value in found.query.items()}
    if now != wanted:
        st.query_params.from_dict(found.query)


def go(**changed: Any) -> None:
    """In a callback: show another view."""
    goto(replace(st.session_state["view"], **changed))


def goto(found: View) -> None:
    """In a callback: show this view."""
    st.session_state["view"] = found
    st.query_params.from_dict(found.query)


def open_page(name: str) -> None:
    """In a callback: open another page with the next run."""
    st.session_state[OPEN] = name


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong inside is said in a line; who may not look any more sees the whole page anew."""
    try:
        yield
    except Gone:
        st.rerun()
    except Problem as problem:
        code, _, todo = CODES[problem.code]
        (st.info if code == 422 else st.error)(say("problem", detail=plain(problem.detail), todo=todo))
    except FootfallError as error:
        st.warning(say("lake_away", why=plain(error)))


def moving(show: Callable[[], None], seconds: int) -> None:
    """A part of a page that is shown anew by itself, every so many seconds."""

    def again() -> None:
        with told():
            show()

    st.fragment(again, run_every=seconds)()


def freshness(
    desk: Desk, rows: Sequence[Mapping[str, Any]], *, is_final: bool, is_compared: bool = False
) -> None:
    """Up to when the figures are complete, what came late, and what may still change. `rows`: of quality."""
    late = sum(row["late_added"] or 0 for row in rows)
    reached = desk.complete_through
    said = (
        say("complete", at=f"{shown.moment(reached, desk.zone)} ({desk.zone})")
        if reached
        else say("nothing_complete")
    )
    came = (
        say("late_none")
        if not late
        else say("late_one")
        if late == 1
        else say("late_many", count=shown.number(late))
    )
    stale = desk.service.tables.of(desk.client.client_id).stale_since
    # Of days on which nothing was counted there is nothing to say.
    more = [came, say("all_final") if is_final else say("is_provisional")] if rows else []
    if rows and is_compared and desk.before and desk.before[0] < desk.first <= desk.before[1]:
        more.append(say("compared_from", at=shown.day(desk.first)))
    if stale:
        more.append(say("stale", at=shown.moment(stale, desk.zone)))
    st.caption(plain(" · ".join([said, *more])))


def cards(desk: Desk, figures: Sequence[str], row: Row | None) -> None:
    """A figure each, with its change; a click shows it in the chart."""
    with st.container(key="cards"):
        for column, metric in zip(st.columns(len(figures), gap="small"), figures, strict=True):
            is_there = desk.can(metric)
            value = row.figures.get(metric) if row else None
            percent = row.change.get(metric) if row else None
            text = shown.figure(metric, value) if is_there else shown.NOTHING
            column.button(
                f"{say(metric)}  \n**{plain(text)}**  \n{_change(metric, percent)}",
                key=f"w_card_{metric}",
                type="primary" if desk.view.measure == metric else "secondary",
                width="stretch",
                on_click=go,
                kwargs={"measure": metric},
                disabled=not is_there,
                help=None if is_there else say("not_counted"),
            )


def _change(metric: str, percent: float | None) -> str:
    if percent is None:
        return ":gray[·]"
    is_good = (percent > 0) != (metric in shown.LESS_IS_BETTER)
    colour = "gray" if percent == 0 else "green" if is_good else "red"
    sign = "▲" if percent > 0 else "▼" if percent < 0 else "="
    return f":{colour}[{sign} {plain(shown.number(abs(percent)))} %]"


def together(desk: Desk, metrics: Sequence[str], dimensions: Sequence[str] = ()) -> list[str]:
    """Those of the metrics that are to be had with what is filtered; where none is, a line says so."""
    is_by_day = "time:day" in dimensions
    able = [each for each in metrics if desk.can(each, dimensions, is_by_day=is_by_day)]
    if not able:
        others = sorted({title_of(each.dimension) for each in desk.filters} - set(map(title_of, dimensions)))
        st.caption(say("not_together", filters=plain(", ".join(others))))
    return able


def bars(
    desk: Desk,
    panel: str,
    rows: Iterable[tuple[Any, float]],
    dimension: str,
    *,
    total: float | None,
    is_clickable: bool = True,
) -> None:
    """A list whose rows have bars; a click filters by one. `rows`: value and figure, the largest first."""
    listed = list(rows)
    if not listed:
        st.caption(say("no_rows"))
        return
    largest = max(float(value) for _, value in listed) or 1.0
    chosen = {each.values[0] for each in desk.filters if each.dimension == dimension and each.word == "is"}
    styles = []
    with st.container(key=f"bars_{panel}", gap=None):
        for number, (value, figure) in enumerate(listed):
            name = shown.value_of(dimension, value)
            percent = f" · {shown.number(float(figure) / total * 100)} %" if total else ""
            key = f"row_{panel}_{number}"
            wide = float(figure) / largest * 100
            styles.append(f".st-key-{key} button{{--wide:{wide:.1f}%}}")
            st.button(
                f"{plain(shown.short(name, 44))} :gray[{plain(shown.number(float(figure)) + percent)}]",
                key=key,
                width="stretch",
                type="primary" if str(value) in chosen else "tertiary",
                help=plain(name) if len(name) > 44 else None,
                disabled=not is_clickable or value is None,
                on_click=_filter_by,
                args=(desk, dimension, str(value)),
            )
    st.html(f"<style>{''.join(styles)}</style>")


def _filter_by(desk: Desk, dimension: str, value: str) -> None:
    go(filters=desk.view.with_filter(dimension, value).filters)


def table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, key: str, figures: bool = True
) -> None:
    """Rows as a table that is sorted by its heads, with its CSV. `figures`: written as people read them."""
    if not rows:
        st.caption(say("no_rows"))
        return
    columns = [c for c in columns if c != "change" or any(row.get(c) is not None for row in rows)]
    frame = pd.DataFrame([{title_of(c): _cell(c, row.get(c)) for c in columns} for row in rows])
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        key=f"t_{key}",
        column_config=_formats(rows, columns) if figures else None,
        placeholder=shown.NOTHING,
    )
    download(rows, columns, key)


def _cell(column: str, value: Any) -> Any:
    if column in shown.SHARES and value is not None:
        return float(value) * 100
    if column == "date" and isinstance(value, str):
        return date.fromisoformat(value)
    return shown.value_of(column, value) if isinstance(value, str) else value


def _formats(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, Any]:
    """How numbers are written: they stay numbers, so that a click on the head sorts them."""
    formats = {
        each: "%.1f %%"
        if each in shown.SHARES
        else "%.0f s"
        if each in shown.SECONDS
        else "%+.1f %%"
        if each == "change"
        else "localized"
        for each in columns
        if any(_is_number(row.get(each)) for row in rows)
    }
    found: dict[str, Any] = {
        title_of(name): st.column_config.NumberColumn(format=how) for name, how in formats.items()
    }
    if "date" in columns:
        found[title_of("date")] = st.column_config.DateColumn(format=shown.date_format())
    return found


def download(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], name: str) -> None:
    """A button for the same rows as CSV, all of them, guarded as delivered files are."""
    st.download_button(
        say("download"),
        data=lambda: bytes(
            csv_answer(list(columns), ([row.get(c) for c in columns] for row in rows), {}).body
        ),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"d_{name}",
        type="tertiary",
    )


def plain_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A table of HTML, which every reader of screens reads: behind a chart."""
    frame = pd.DataFrame(
        [
            {
                title_of(c): shown.figure(c, row.get(c))
                if _is_number(row.get(c))
                else plain(_said(c, row.get(c)))
                for c in columns
            }
            for row in rows
        ]
    )
    st.table(frame, border="horizontal")


def _said(column: str, value: Any) -> str:
    if isinstance(value, date):
        return shown.day(value)
    return shown.NOTHING if value is None else shown.value_of(column, value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def behind(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, name: str) -> None:
    """The table of a chart, closed until somebody wants it."""
    with st.expander(say("table"), key=f"x_{name}", on_change="rerun") as table:
        if table.open:
            plain_table(rows, columns)
            download(rows, columns, name)


def draw(chart: charts.Chart, *, key: str, text: str, **how: Any) -> Any:
    """A chart, with what it shows in words for who does not see it."""
    return st.vega_lite_chart(spec={**chart, "description": text}, key=key, width="stretch", **how)


def choice(desk: Desk, panel: str, lists: Sequence[str], names: Callable[[str], str]) -> str:
    """Which list a panel shows, from the address."""
    found = desk.view.list_of(panel, lists[0])
    found = found if found in lists else lists[0]
    key = f"w_list_{panel}_{found}"
    st.segmented_control(
        panel,
        lists,
        default=found,
        key=key,
        format_func=names,
        label_visibility="collapsed",
        on_change=lambda: go(shown=desk.view.with_list(panel, st.session_state[key] or found).shown),
    )
    return found


def week_of(day: date) -> date:
    """Its Monday."""
    return day - timedelta(days=day.weekday())
