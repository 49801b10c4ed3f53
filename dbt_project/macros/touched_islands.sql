{#-
    What a run changes of the stored islands, found before anything is made: in tables, because DuckDB takes a
    condition on a subquery for one on a fifth of all events. Over 100 million it then put all of these into
    memory, 70 columns wide (20 GiB, 144 s), to look up a handful of islands; of a table it knows the size.

    An event changes the islands around it; a view, or a report about one, those of the view and of its other
    reports, wherever these are (`changed_views`, found by a number among the days that a report may lie away).
-#}
{% macro find_islands(stored) %}
    -- what was known of the affected events: it may have changed, moved or vanished
    create or replace temp table outdated as
    {{ affected(stored, 'event_key, client_id, site_id, event_id, visitor_key, view_key, lasts_until, occurred_at, received_hour') }};

    -- rows of an hour that the run cannot read would go, and none would come
    create or replace temp table out_of_sight as
    select client_id, event_id, received_hour from outdated
    where received_hour in (select received_hour from {{ ingested('hour_files') }} where is_current and not is_shown);

    select {{ failure("'rows would be made anew of an hour that is not shown: '", 'received_hour') }}
    from {{ ingested('event_index') }}
    where not is_duplicate and (client_id, event_id, received_hour) in (
        select client_id, event_id, received_hour from out_of_sight
    );

    create or replace temp table arriving as
    select *, {{ is_act() }} as is_act from (
        {{ affected(ref('stg_web__events'), 'client_id, site_id, event_type, view_key, ' ~ visitor_key() ~ ' as visitor_key, occurred_at') }}
    ) as rows_of_staging;

    create or replace temp table changed_views as
    select distinct view_key from arriving where view_key is not null
    union
    select view_key from outdated where view_key is not null;

    create or replace temp table days_of_views as
    {%- for rows in ('arriving', 'outdated') %}
        {%- for step in range(-report_days(), report_days() + 1) %}
    {{ 'union' if not (loop.first and rows == 'arriving') }}
    select {{ days_later(utc_date('occurred_at'), step) }} as occurred_on from {{ rows }} where view_key is not null
        {%- endfor %}
    {%- endfor %};

    -- the stored views and reports that an affected one may belong to, or leave
    create or replace temp table concerned as
    select event_key, received_hour, client_id, site_id, visitor_key, session_id, island_id, island_started_at, event_type, occurred_at
    from {{ stored }} as stored
    where view_key in (select view_key from changed_views)
        and occurred_on in (select occurred_on from days_of_views);

    -- from when until when something may be otherwise than it was; a view lasts as long as it may be read
    create or replace temp table changes as
    select
        client_id, site_id, visitor_key, occurred_at as changes_at,
        case when view_key is null then occurred_at else {{ attention_ends('occurred_at') }} end as changes_until
    from arriving
    where is_act
    union
    select client_id, site_id, visitor_key, occurred_at, occurred_at from outdated where lasts_until is not null
    union
    select client_id, site_id, visitor_key, occurred_at, {{ attention_ends('occurred_at') }} from concerned where event_type = 'page_view';

    -- no timeout is longer than twelve hours, and no report lengthens a session for longer: the dates around a
    -- change on which a neighbour can have begun
    create or replace temp table neighbourhoods as
    {%- for hours in (-24, -12, 0, 12, 24) %}
    {{ 'union' if not loop.first }}
    select client_id, site_id, visitor_key, {{ utc_date(minutes_later('changes_at', hours * 60)) }} as occurred_on from changes
    {%- endfor %};

    -- each stored island near a change, a day at a time: as few rows as a busy visitor can be joined with
    create or replace temp table islands_by_day as
    select
        client_id, site_id, visitor_key, island_id, island_started_at, timeout_minutes,
        min(occurred_at) as first_at,
        max(lasts_until) as last_at
    from {{ stored }} as stored
    where (client_id, site_id, visitor_key, occurred_on) in (
            select client_id, site_id, visitor_key, occurred_on from neighbourhoods
        )
        and lasts_until is not null
    group by client_id, site_id, visitor_key, island_id, island_started_at, timeout_minutes, occurred_on;

    create or replace temp table touched_islands as
    select distinct islands.island_id, islands.island_started_at
    from islands_by_day as islands
    inner join changes
        on islands.client_id = changes.client_id
        and islands.site_id = changes.site_id
        and islands.visitor_key = changes.visitor_key
        -- inclusive: a gap of exactly the timeout still joins
        and islands.first_at <= {{ minutes_later('changes.changes_until', 'islands.timeout_minutes') }}
        and changes.changes_at <= {{ minutes_later('islands.last_at', 'islands.timeout_minutes') }}
    union
    select island_id, island_started_at from concerned where island_id is not null;

    -- what belongs to no island and is made anew all the same: reports whose view may have come
    create or replace temp table waiting as
    select event_key, received_hour from concerned where island_id is null;
{% endmacro %}

{#- Nobody knows whether two events of unknown visitors are of one visitor: each stays alone. -#}
{% macro visitor_key() %}coalesce(visitor_id, event_key){% endmacro %}

{#- Until when a report of attention lengthens the session of its view. -#}
{% macro attention_ends(moment) -%}
    {{ minutes_later(moment, [var('attention_hours') | int, 12] | min * 60) }}
{%- endmacro %}
