{{ config(meta={'rebuilt_by': 'islands'}) }}

{#-
    An island is a visitor's run of events without a gap over the timeout, whatever its length. Islands do not
    depend on where they are cut later, so a changed event can only change islands that have an event within
    one timeout of it. Those are rebuilt whole, all others stay: exact in any order of arrival, and bounded.
    Which they are is found before (macros/touched_islands.sql), so what dbt compiles here does not run by itself.
-#}
{%- set max_seconds = var('session_max_hours') | int * 3600 -%}
{%- set facts = event_facts() | join(', ') -%}
{%- set key_of_visitor = visitor_key() ~ ' as visitor_key' -%}
{%- set in_order = 'client_id, site_id, visitor_key' -%}

-- depends_on: {{ ref('stg_web__changes') }}, {{ ref('stg_web__hours') }}, {{ source('ingest', 'event_index') }}, {{ source('ingest', 'hour_files') }}
with

arrived as (

    {% if is_partial() -%}
    {{ affected(ref('stg_web__events'), facts ~ ', ' ~ key_of_visitor) }}
    {%- else -%}
    select {{ facts }}, {{ key_of_visitor }} from {{ ref('stg_web__events') }}
    where {{ received_in_window('received_hour') }}
    {%- endif %}

),

{% if is_partial() %}

unchanged as (

    select {{ facts }}, visitor_key
    from {{ this }} as stored
    where (island_id, island_started_at) in (select island_id, island_started_at from touched_islands)
        and (event_key, received_hour) not in (select event_key, received_hour from outdated)

),

to_group as (

    select * from arrived
    union all
    select * from unchanged

),

{% else %}

to_group as (

    select * from arrived

),

{% endif %}

-- only what the rules read, so that sorting stays cheap; a site that has left the registry counts in UTC
moments as (

    select
        to_group.event_key,
        to_group.received_hour,
        to_group.client_id,
        to_group.site_id,
        to_group.visitor_id,
        to_group.visitor_key,
        to_group.event_id,
        to_group.occurred_at,
        to_group.utm_campaign,
        to_group.event_type,
        {{ local_date('to_group.occurred_at', 'days') }} as date,
        coalesce(sites.timeout_minutes, {{ var('session_timeout_minutes') | int }}) as timeout_minutes,
        coalesce(sites.cut_at_midnight, false) as cut_at_midnight,
        coalesce(sites.cut_on_campaign, false) as cut_on_campaign,
        position(concat(',', to_group.event_type, ',') in concat(',', coalesce(sites.conversions, 'purchase'), ',')) > 0
            and position(',' in to_group.event_type) = 0 as is_conversion
    from to_group
    left join {{ ref('stg_web__sites') }} as sites
        on to_group.client_id = sites.client_id and to_group.site_id = sites.site_id
    {{ join_zone_days('days', "coalesce(sites.timezone, 'UTC')", utc_date('to_group.occurred_at')) }}

),

gaps as (

    select
        *,
        lag(occurred_at) over (partition by {{ in_order }} order by occurred_at, event_id) as previous_at
    from moments

),

starts as (

    select
        *,
        case when occurred_at <= {{ minutes_later('previous_at', 'timeout_minutes') }} then 0 else 1 end as starts_island
    from gaps

),

islands as (

    select
        *,
        max(case when starts_island = 1 then occurred_at end) over (
            partition by {{ in_order }} order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as island_started_at,
        {{ last_known('case when starts_island = 1 then ' ~ first_event('event_id', 'occurred_at') ~ ' end', in_order, 'occurred_at, event_id', 'current row') }}
            as island_first_event,
        lag(date) over (partition by {{ in_order }} order by occurred_at, event_id) as previous_date
    from starts

),

-- a fixed grid from the island's start: where a cut falls does not depend on what lies between
cells as (

    select
        *,
        {{ whole_spans_between('island_started_at', 'occurred_at', max_seconds) }} as cell,
        {{ whole_spans_between('island_started_at', 'previous_at', max_seconds) }} as previous_cell,
        {{ last_known('utm_campaign', in_order, 'occurred_at, event_id', '1 preceding') }} as previous_campaign,
        {{ last_known('case when utm_campaign is not null then island_first_event end', in_order, 'occurred_at, event_id', '1 preceding') }}
            as previous_campaign_island
    from islands

),

cuts as (

    select
        *,
        case
            when starts_island = 1
                or cell <> previous_cell
                or (cut_at_midnight and date <> previous_date)
                or (cut_on_campaign and utm_campaign <> previous_campaign and previous_campaign_island = island_first_event)
                then {{ first_event('event_id', 'occurred_at') }}
        end as starts_session
    from cells

),

sessionised as (

    select
        *,
        {{ last_known('starts_session', in_order, 'occurred_at, event_id', 'current row') }} as session_first_event
    from cuts

),

final as (

    select
        {% for fact in event_facts() -%}
        to_group.{{ fact }},
        {% endfor -%}
        to_group.visitor_key,
        {{ session_id('sessionised.client_id', 'sessionised.site_id', 'sessionised.visitor_id', 'sessionised.session_first_event') }} as session_id,
        {{ session_id('sessionised.client_id', 'sessionised.site_id', 'sessionised.visitor_id', 'sessionised.island_first_event') }} as island_id,
        sessionised.timeout_minutes,
        sessionised.cut_at_midnight,
        sessionised.cut_on_campaign,
        sessionised.is_conversion,
        sessionised.date,
        cast(to_group.occurred_at as date) as occurred_on,
        sessionised.island_started_at
    from to_group
    inner join sessionised
        on to_group.event_key = sessionised.event_key
        and to_group.received_hour = sessionised.received_hour

)

select * from final
