with sessions as (

    select * from {{ ref('sessions') }}
    where visitor_id is not null

),

final as (

    select
        -- ids
        client_id,
        site_id,
        visitor_id,

        -- strings
        min_by(channel, started_at) as first_channel,

        -- numbers
        count(*) as sessions,
        cast(sum(page_views) as bigint) as page_views,
        cast(sum(events) as bigint) as events,

        -- booleans
        bool_or(is_bot) as is_bot,

        -- timestamps
        min(started_at) as first_seen_at,
        max(ended_at) as last_seen_at

    from sessions
    group by client_id, site_id, visitor_id

)

select * from final
