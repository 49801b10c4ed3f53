with events as (

    select * from {{ ref('int_events_joined') }}
    where event_type in ('page_view', 'engagement')
        and session_id is not null
        and {{ is_touched('session') }}

),

in_sequence as (

    select
        *,
        cast(row_number() over (partition by session_id order by {{ event_order() }}) as bigint) as page_view_number,
        lag(page) over (partition by session_id order by {{ event_order() }}) as previous_page,
        lead(page) over (partition by session_id order by {{ event_order() }}) as next_page,
        lead(occurred_at) over (partition by session_id order by {{ event_order() }}) as next_at,
        row_number() over (partition by session_id, view_id order by {{ event_order() }}) as number_of_view
    from events
    where event_type = 'page_view'

),

-- a view that was sent twice under two event ids is measured once
measured_once as (

    select *, case when number_of_view = 1 then view_id end as measured_view_id
    from in_sequence

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
        measured_once.event_key,
        measured_once.client_id,
        measured_once.site_id,
        measured_once.event_id,
        measured_once.session_id,
        measured_once.visitor_id,
        measured_once.view_id,

        -- strings
        measured_once.url,
        measured_once.host,
        measured_once.page,
        measured_once.page_group,
        measured_once.title,
        measured_once.referrer,
        measured_once.referrer_host,
        measured_once.previous_page,
        measured_once.next_page,
        measured_once.country,
        measured_once.region,
        measured_once.city,
        measured_once.device,
        measured_once.browser,
        measured_once.os,
        measured_once.viewport,
        measured_once.origin,
        measured_once.method,
        measured_once.edge_location,
        measured_once.edge_result,

        -- numbers
        measured_once.consent_tier,
        measured_once.status,
        measured_once.page_view_number,
        cast({{ seconds_between('measured_once.occurred_at', 'measured_once.next_at') }} as decimal(18, 3)) as seconds_to_next,
        cast(coalesce(engagement.engaged_ms, 0) * 0.001 as decimal(18, 3)) as engaged_seconds,
        cast(engagement.scroll_percent as integer) as max_scroll_percent,
        measured_once.time_taken,
        measured_once.bytes_sent,

        -- booleans
        measured_once.is_declared_host,
        measured_once.is_bot,

        -- dates and timestamps
        measured_once.date,
        measured_once.occurred_at,
        measured_once.received_at,
        measured_once.received_hour

    from measured_once
    left join engagement
        on measured_once.session_id = engagement.session_id
        and measured_once.measured_view_id = engagement.view_id

)

select * from final
