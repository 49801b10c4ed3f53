with events as (

    select * from {{ ref('int_events_sessionised') }}

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
        event_type,
        url,
        host,
        path,
        title,
        referrer,
        referrer_host,
        utm_source,
        utm_medium,
        utm_campaign,
        user_agent,
        currency,
        props,

        -- numbers
        revenue,

        -- booleans
        is_declared_host,
        is_bot,
        gpc,
        dnt,

        -- timestamps
        occurred_at,
        received_at,
        received_hour

    from events

)

select * from final
