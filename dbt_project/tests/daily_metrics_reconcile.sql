{{ config(tags=['whole'], meta={'dagster': {'ref': {'name': 'daily_metrics'}}}) }}

-- Days neither lose nor invent anything: what a day says is what its events and sessions are. Of a run, the days it
-- received something of.
with received_days as (

    select distinct client_id, site_id, date
    from {{ ref('events') }}
    where {{ received_in_window('received_hour') }}

),

by_event as (

    select
        client_id, site_id, date,
        count(case when event_type = 'page_view' and not is_bot then 1 end) as page_views,
        count(case when not is_bot then 1 end) as events,
        count(case when is_bot then 1 end) as bot_events
    from {{ ref('events') }}
    where session_id is not null
        and (client_id, site_id, date) in (select client_id, site_id, date from received_days)
    group by client_id, site_id, date

),

by_session as (

    select client_id, site_id, date, count(case when not is_bot then 1 end) as sessions
    from {{ ref('sessions') }}
    where (client_id, site_id, date) in (select client_id, site_id, date from received_days)
    group by client_id, site_id, date

)

select by_event.client_id, by_event.site_id, by_event.date
from by_event
left join by_session
    on by_event.client_id = by_session.client_id
    and by_event.site_id = by_session.site_id
    and by_event.date = by_session.date
left join {{ ref('daily_metrics') }} as days
    on by_event.client_id = days.client_id
    and by_event.site_id = days.site_id
    and by_event.date = days.date
where days.page_views is distinct from by_event.page_views
    or days.events is distinct from by_event.events
    or days.bot_events is distinct from by_event.bot_events
    or days.sessions is distinct from coalesce(by_session.sessions, 0)
