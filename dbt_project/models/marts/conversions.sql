with events as (

    select * from {{ ref('int_events_joined') }}
    where is_conversion and {{ is_touched('session') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}
    where {{ is_touched('session') }}

),

final as (

    select
        -- ids
        events.event_key,
        events.client_id,
        events.site_id,
        events.event_id,
        events.session_id,
        events.visitor_id,

        -- strings
        events.event_type as conversion,
        events.page,
        sessions.landing_page,
        sessions.source,
        sessions.medium,
        sessions.campaign,
        sessions.channel,
        sessions.country,
        sessions.device,
        events.currency,

        -- numbers
        row_number() over (
            partition by events.session_id order by {{ event_order('events') }}
        ) as conversion_number,
        events.revenue,
        cast({{ seconds_between('sessions.started_at', 'events.occurred_at') }} as decimal(18, 3)) as seconds_from_start,

        -- booleans
        events.is_bot,

        -- dates and timestamps
        events.date,
        events.occurred_at,
        events.received_at,
        events.received_hour

    from events
    inner join sessions on events.session_id = sessions.session_id

)

select * from final
