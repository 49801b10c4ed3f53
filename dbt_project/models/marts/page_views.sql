with page_views as (

    select * from {{ ref('int_events_sessionised') }}
    where event_type = 'page_view'

),

in_sequence as (

    select
        *,
        row_number() over (partition by session_id order by occurred_at, event_id) as page_view_number,
        lag(path) over (partition by session_id order by occurred_at, event_id) as previous_page,
        lead(path) over (partition by session_id order by occurred_at, event_id) as next_page,
        lead(occurred_at) over (partition by session_id order by occurred_at, event_id) as next_at
    from page_views

),

final as (

    select
        -- ids
        event_key,
        client_id,
        site_id,
        event_id,
        session_id,
        visitor_id,

        -- strings
        url,
        host,
        path as page,
        title,
        referrer,
        referrer_host,
        previous_page,
        next_page,

        -- numbers
        page_view_number,
        cast({{ seconds_between('occurred_at', 'next_at') }} as decimal(18, 3)) as seconds_to_next,

        -- booleans
        is_declared_host,
        is_bot,

        -- timestamps
        occurred_at,
        received_at,
        received_hour

    from in_sequence

)

select * from final
