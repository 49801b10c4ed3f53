{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild_touched',
        unique_key='event_key',
        on_schema_change='fail',
        meta={'touched_by': 'session'},
    )
}}

with events as (

    select * from {{ ref('events') }}
    where event_type in ('page_view', 'engagement')
        and {{ is_touched('session') }}

),

in_sequence as (

    select
        *,
        row_number() over (partition by session_id order by occurred_at, event_id) as page_view_number,
        lag(page) over (partition by session_id order by occurred_at, event_id) as previous_page,
        lead(page) over (partition by session_id order by occurred_at, event_id) as next_page,
        lead(occurred_at) over (partition by session_id order by occurred_at, event_id) as next_at,
        row_number() over (partition by session_id, view_id order by occurred_at, event_id) as number_of_view
    from events
    where event_type = 'page_view'

),

-- each measurement is of the time since the last one; depth is the deepest
engagement as (

    select session_id, view_id, sum(engaged_ms) as engaged_ms, max(scroll_percent) as scroll_percent
    from events
    where event_type = 'engagement' and view_id is not null
    group by session_id, view_id

),

final as (

    select
        -- ids
        in_sequence.event_key,
        in_sequence.client_id,
        in_sequence.site_id,
        in_sequence.event_id,
        in_sequence.session_id,
        in_sequence.visitor_id,
        in_sequence.view_id,

        -- strings
        in_sequence.url,
        in_sequence.host,
        in_sequence.page,
        in_sequence.page_group,
        in_sequence.title,
        in_sequence.referrer,
        in_sequence.referrer_host,
        in_sequence.previous_page,
        in_sequence.next_page,
        in_sequence.country,
        in_sequence.device,

        -- numbers
        in_sequence.consent_tier,
        in_sequence.page_view_number,
        cast({{ seconds_between('in_sequence.occurred_at', 'in_sequence.next_at') }} as decimal(18, 3)) as seconds_to_next,
        cast(coalesce(engagement.engaged_ms, 0) * 0.001 as decimal(18, 3)) as engaged_seconds,
        cast(engagement.scroll_percent as integer) as max_scroll_percent,

        -- booleans
        in_sequence.is_declared_host,
        in_sequence.is_bot,

        -- dates and timestamps
        in_sequence.date,
        in_sequence.occurred_at,
        in_sequence.received_at,
        in_sequence.received_hour

    from in_sequence
    -- a view that was sent twice under two event ids is measured once
    left join engagement
        on in_sequence.session_id = engagement.session_id
        and in_sequence.view_id = engagement.view_id
        and in_sequence.number_of_view = 1

)

select * from final
