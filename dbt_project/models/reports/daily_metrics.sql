with sites as (

    select * from {{ ref('stg_web__sites') }}

),

-- a site that has left the registry keeps its history, in days of UTC
events as (

    select
        events.client_id,
        events.site_id,
        events.visitor_id,
        events.event_type,
        events.currency,
        events.revenue,
        events.is_bot,
        coalesce(sites.timezone, 'UTC') as timezone,
        {{ local_date('events.occurred_at', "coalesce(sites.timezone, 'UTC')") }} as date
    from {{ ref('events') }} as events
    left join sites on events.client_id = sites.client_id and events.site_id = sites.site_id

),

sessions as (

    select
        sessions.client_id,
        sessions.site_id,
        sessions.channel,
        sessions.duration_seconds,
        sessions.is_bounce,
        {{ local_date('sessions.started_at', "coalesce(sites.timezone, 'UTC')") }} as date
    from {{ ref('sessions') }} as sessions
    left join sites on sessions.client_id = sites.client_id and sessions.site_id = sites.site_id
    where not sessions.is_bot

),

days as (

    select client_id, site_id, date, timezone, count(case when is_bot then 1 end) as bot_events
    from events
    group by client_id, site_id, date, timezone

),

events_by_day as (

    select
        client_id,
        site_id,
        date,
        {{ revenue_currency() }} as currency,
        {{ revenue_total() }} as revenue,
        count(distinct visitor_id) as visitors,
        count(*) as events,
        count(case when event_type = 'page_view' then 1 end) as page_views,
        count(case when event_type = 'purchase' then 1 end) as purchases
    from events
    where not is_bot
    group by client_id, site_id, date

),

sessions_by_day as (

    select
        client_id,
        site_id,
        date,
        count(*) as sessions,
        count(case when is_bounce then 1 end) as bounces,
        count(case when channel = 'AI Assistant' then 1 end) as ai_assistant_sessions,
        sum(duration_seconds) as session_seconds,
        median(duration_seconds) as median_session_seconds
    from sessions
    group by client_id, site_id, date

),

final as (

    select
        -- ids
        days.client_id,
        days.site_id,
        days.date,

        -- strings
        days.timezone,
        events_by_day.currency,

        -- numbers
        coalesce(events_by_day.visitors, 0) as visitors,
        coalesce(sessions_by_day.sessions, 0) as sessions,
        coalesce(events_by_day.page_views, 0) as page_views,
        coalesce(events_by_day.events, 0) as events,
        coalesce(sessions_by_day.bounces, 0) as bounces,
        round(cast(sessions_by_day.bounces as double) / sessions_by_day.sessions, 4) as bounce_rate,
        round(
            cast(coalesce(events_by_day.page_views, 0) as double) / sessions_by_day.sessions, 4
        ) as views_per_session,
        round(
            cast(sessions_by_day.session_seconds as double) / sessions_by_day.sessions, 3
        ) as avg_session_seconds,
        round(cast(sessions_by_day.median_session_seconds as double), 3) as median_session_seconds,
        coalesce(events_by_day.purchases, 0) as purchases,
        case when events_by_day.events is null then 0 else events_by_day.revenue end as revenue,
        coalesce(sessions_by_day.ai_assistant_sessions, 0) as ai_assistant_sessions,
        days.bot_events

    from days
    left join events_by_day
        on days.client_id = events_by_day.client_id
        and days.site_id = events_by_day.site_id
        and days.date = events_by_day.date
    left join sessions_by_day
        on days.client_id = sessions_by_day.client_id
        and days.site_id = sessions_by_day.site_id
        and days.date = sessions_by_day.date

)

select * from final
