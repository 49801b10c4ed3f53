{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild_islands',
        unique_key='event_key',
        on_schema_change='fail',
    )
}}

{#-
    An island is a visitor's run of events without a gap over the timeout, whatever its length. Islands do not
    depend on where they are cut later, so a changed event can only change islands within one timeout of it.
    Those are rebuilt whole, all others stay: exact in any order of arrival, and bounded.
-#}
{%- set timeout = 'interval ' ~ var('session_timeout_minutes') | int ~ ' minutes' -%}
{%- set max_seconds = var('session_max_hours') | int * 3600 -%}
{%- set facts = [
    'event_key', 'client_id', 'site_id', 'event_id', 'visitor_id',
    'event_type', 'url', 'host', 'path', 'title', 'referrer', 'referrer_host',
    'utm_source', 'utm_medium', 'utm_campaign', 'click_network', 'user_agent', 'currency', 'props',
    'revenue',
    'is_declared_host', 'is_bot', 'gpc', 'dnt',
    'occurred_at', 'received_at', 'received_hour',
] | join(', ') -%}

{#- Nobody knows whether two events of unknown visitors are of one visitor: each stays alone. -#}
{%- set visitor_key = 'coalesce(visitor_id, event_key) as visitor_key' -%}

with arrived as (

    select {{ facts }}, {{ visitor_key }}
    from {{ ref('stg_web__events') }}
    where {{ received_in_window('received_hour') }}

),

{% if is_incremental() %}

-- what was known of the window and of the events that arrived: it may have changed, moved or vanished
outdated as (

    select event_key, client_id, site_id, event_id, visitor_key, occurred_at
    from {{ this }} as stored
    where {{ received_in_window('received_hour') }}
        or event_key in (select arrived.event_key from arrived)

),

vanished as (

    select client_id, event_id
    from outdated
    where not exists (select 1 from arrived where arrived.event_key = outdated.event_key)

),

-- an event that is gone from the window may live on as a copy that was received in another hour
survived as (

    select events.*
    from (select {{ facts }}, {{ visitor_key }} from {{ ref('stg_web__events') }}) as events
    inner join vanished on events.client_id = vanished.client_id and events.event_id = vanished.event_id

),

changes as (

    select client_id, site_id, visitor_key, occurred_at from arrived
    union
    select client_id, site_id, visitor_key, occurred_at from survived
    union
    select client_id, site_id, visitor_key, occurred_at from outdated

),

islands_of_changed_visitors as (

    select distinct
        client_id, site_id, visitor_key, island_id, island_started_at, island_ended_at
    from {{ this }} as stored
    -- coarse, to spare a scan of everything; the next step looks at client and site too
    where visitor_key in (select changes.visitor_key from changes)

),

touched_islands as (

    select distinct islands.island_id
    from islands_of_changed_visitors as islands
    inner join changes
        on islands.client_id = changes.client_id
        and islands.site_id = changes.site_id
        and islands.visitor_key = changes.visitor_key
        -- inclusive: a gap of exactly the timeout still joins
        and changes.occurred_at >= islands.island_started_at - {{ timeout }}
        and changes.occurred_at <= islands.island_ended_at + {{ timeout }}

),

unchanged as (

    select {{ facts }}, visitor_key
    from {{ this }} as stored
    where island_id in (select island_id from touched_islands)
        and not exists (select 1 from outdated where outdated.event_key = stored.event_key)

),

to_group as (

    select * from arrived
    union all
    select * from survived
    union all
    select * from unchanged

),

{% else %}

to_group as (

    select * from arrived

),

{% endif %}

gaps as (

    select
        *,
        lag(occurred_at) over (
            partition by client_id, site_id, visitor_key
            order by occurred_at, event_id
        ) as previous_at
    from to_group

),

numbered as (

    select
        *,
        sum(case when occurred_at <= previous_at + {{ timeout }} then 0 else 1 end) over (
            partition by client_id, site_id, visitor_key
            order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as island_number
    from gaps

),

islands as (

    select
        *,
        min(occurred_at) over (partition by client_id, site_id, visitor_key, island_number) as island_started_at,
        max(occurred_at) over (partition by client_id, site_id, visitor_key, island_number) as island_ended_at,
        first_value(event_id) over (
            partition by client_id, site_id, visitor_key, island_number
            order by occurred_at, event_id
        ) as island_first_event_id
    from numbered

),

-- a fixed grid from the island's start: where a cut falls does not depend on what lies between
cut as (

    select
        *,
        floor({{ seconds_between('island_started_at', 'occurred_at') }} / {{ max_seconds }}) as cut_number
    from islands

),

sessionised as (

    select
        *,
        first_value(event_id) over (
            partition by client_id, site_id, visitor_key, island_number, cut_number
            order by occurred_at, event_id
        ) as session_first_event_id
    from cut

),

final as (

    select
        {{ facts }},
        visitor_key,
        {{ session_id('client_id', 'site_id', 'visitor_id', 'session_first_event_id') }} as session_id,
        {{ session_id('client_id', 'site_id', 'visitor_id', 'island_first_event_id') }} as island_id,
        island_started_at,
        island_ended_at
    from sessionised

)

select * from final
