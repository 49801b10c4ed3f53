{#-
    What a run changes of the stored islands, found before anything is made: in tables, because DuckDB takes a
    condition on a subquery for one on a fifth of all events. Over 100 million it then put all of these into
    memory, 70 columns wide (20 GiB, 144 s), to look up a handful of islands; of a table it knows the size.
-#}
{% macro find_islands(stored) %}
    {#- No timeout is longer, so the dates this far before and after an event are all on which a neighbour can be. -#}
    {%- set widest_timeout = 'interval 12 hours' -%}
    -- what was known of the affected events: it may have changed, moved or vanished
    create or replace temp table outdated as
    {{ affected(stored, 'event_key, client_id, site_id, event_id, visitor_key, occurred_at, received_hour') }};

    -- rows of an hour that the run cannot read would go, and none would come
    create or replace temp table out_of_sight as
    select client_id, event_id, received_hour from outdated
    where received_hour in (select received_hour from {{ source('ingest', 'hour_files') }} where is_current and not is_shown);

    select {{ failure("'rows would be made anew of an hour that is not shown: '", 'received_hour') }}
    from {{ source('ingest', 'event_index') }}
    where not is_duplicate and (client_id, event_id, received_hour) in (
        select client_id, event_id, received_hour from out_of_sight
    );

    create or replace temp table changes as
    select client_id, site_id, visitor_key, occurred_at from (
        {{ affected(ref('stg_web__events'), 'client_id, site_id, ' ~ visitor_key() ~ ' as visitor_key, occurred_at') }}
    ) as arriving
    union
    select client_id, site_id, visitor_key, occurred_at from outdated;

    create or replace temp table neighbourhoods as
    select client_id, site_id, visitor_key, cast(occurred_at - {{ widest_timeout }} as date) as occurred_on from changes
    union
    select client_id, site_id, visitor_key, cast(occurred_at + {{ widest_timeout }} as date) as occurred_on from changes;

    -- each stored island near a change, a day at a time: as few rows as a busy visitor can be joined with
    create or replace temp table islands_by_day as
    select
        client_id, site_id, visitor_key, island_id, island_started_at, timeout_minutes,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from {{ stored }} as stored
    where (client_id, site_id, visitor_key, occurred_on) in (
        select client_id, site_id, visitor_key, occurred_on from neighbourhoods
    )
    group by client_id, site_id, visitor_key, island_id, island_started_at, timeout_minutes, occurred_on;

    create or replace temp table touched_islands as
    select distinct islands.island_id, islands.island_started_at
    from islands_by_day as islands
    inner join changes
        on islands.client_id = changes.client_id
        and islands.site_id = changes.site_id
        and islands.visitor_key = changes.visitor_key
        -- inclusive: a gap of exactly the timeout still joins
        and islands.first_at <= {{ minutes_later('changes.occurred_at', 'islands.timeout_minutes') }}
        and changes.occurred_at <= {{ minutes_later('islands.last_at', 'islands.timeout_minutes') }};
{% endmacro %}

{#- Nobody knows whether two events of unknown visitors are of one visitor: each stays alone. -#}
{% macro visitor_key() %}coalesce(visitor_id, event_key){% endmacro %}
