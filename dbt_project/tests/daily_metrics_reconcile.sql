-- Days neither lose nor invent anything: the page views, events and sessions of all days of a site are those of its rows.
with by_day as (

    select
        client_id, site_id,
        sum(page_views) as page_views, sum(events) as events, sum(sessions) as sessions, sum(bot_events) as bot_events
    from {{ ref('daily_metrics') }}
    group by client_id, site_id

),

by_event as (

    select
        client_id, site_id,
        count(case when event_type = 'page_view' and not is_bot then 1 end) as page_views,
        count(case when not is_bot then 1 end) as events,
        count(case when is_bot then 1 end) as bot_events
    from {{ ref('events') }}
    group by client_id, site_id

),

by_session as (

    select client_id, site_id, count(case when not is_bot then 1 end) as sessions
    from {{ ref('sessions') }}
    group by client_id, site_id

)

select client_id, site_id
from by_event
full outer join by_day using (client_id, site_id)
full outer join by_session using (client_id, site_id)
where by_day.page_views is distinct from by_event.page_views
    or by_day.events is distinct from by_event.events
    or by_day.bot_events is distinct from by_event.bot_events
    or by_day.sessions is distinct from by_session.sessions
