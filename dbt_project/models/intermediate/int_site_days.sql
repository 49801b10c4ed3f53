{{ config(group='reporting', meta={'touched_by': 'day'}) }}

with sites as (

    select * from {{ ref('stg_web__sites') }}

),

events as (

    select
        client_id, site_id, date, visitor_id, event_type, consent_tier, currency, site_currency, revenue, engaged_ms, scroll_percent,
        is_amount_unreadable, is_repeated_order, props, bot_class, occurred_at, received_at, received_hour, is_bot, is_conversion, gpc
    from {{ ref('events') }}
    where session_id is not null and {{ is_touched('day') }}

),

sessions as (

    select * from {{ ref('sessions') }}
    where not is_bot and {{ is_touched('day') }}

),

page_views as (

    select * from {{ ref('page_views') }}
    where not is_bot and {{ is_touched('day') }}

),

-- a site that has left the registry keeps its history, in days of UTC
days as (

    select
        events.client_id,
        events.site_id,
        events.date,
        coalesce(today.timezone, sites.timezone, 'UTC') as timezone,
        {{ day_start(days_later('events.date', 1), 'tomorrow') }} as ends_at
    from (select distinct client_id, site_id, date from events) as events
    left join sites on events.client_id = sites.client_id and events.site_id = sites.site_id
    {{ join_zone_days('today', "coalesce(sites.timezone, 'UTC')", 'events.date') }}
    {{ join_zone_days('tomorrow', "coalesce(sites.timezone, 'UTC')", days_later('events.date', 1)) }}

),

all_events_by_day as (

    select
        days.client_id,
        days.site_id,
        days.date,
        count(case when events.is_bot then 1 end) as bot_events,
        count(case when events.bot_class = 'ai_assistant' then 1 end) as ai_fetches,
        count(case when events.received_at >= days.ends_at then 1 end) as late_added,
        count(distinct case
            when events.received_at >= days.ends_at + interval {{ var('late_tolerance_hours') | int }} hour then events.received_hour
        end) as revisions_after_final
    from events
    inner join days on events.client_id = days.client_id and events.site_id = days.site_id and events.date = days.date
    group by days.client_id, days.site_id, days.date

),

people as (

    select * from events where not is_bot

),

mains as (

    {{ main_currencies('people', 'client_id, site_id, date', 'site_currency') }}

),

events_by_day as (

    select
        people.client_id,
        people.site_id,
        people.date,
        {{ revenue_currency('people', 'mains') }} as currency,
        {{ revenue_total('people', 'mains') }} as revenue,
        {{ other_currency_amounts('people', 'mains') }} as other_currency_amounts,
        count(case when is_amount_unreadable then 1 end) as revenue_unreadable,
        count(distinct case when {{ is_act() }} then visitor_id end) as visitors,
        count(distinct case when consent_tier = 3 and {{ is_act() }} then visitor_id end) as known_visitors,
        count(*) as events,
        count(case when event_type = 'page_view' then 1 end) as page_views,
        count(case when {{ is_purchase() }} and not coalesce(is_repeated_order, false) then 1 end) as purchases,
        count(case when is_conversion then 1 end) as conversions,
        count(case when event_type = 'outbound_click' then 1 end) as outbound_clicks,
        count(case when event_type = 'download' then 1 end) as downloads,
        count(case when event_type = 'form_submit' then 1 end) as form_submits,
        count(case when event_type = 'not_found' then 1 end) as errors_404,
        coalesce(sum(engaged_ms), 0) as engaged_ms,
        count(case when consent_tier = 0 then 1 end) as tier0_events,
        count(case when consent_tier = 1 then 1 end) as tier1_events,
        count(case when consent_tier = 2 then 1 end) as tier2_events,
        count(case when consent_tier = 3 then 1 end) as tier3_events,
        count(case when gpc then 1 end) as gpc_events,
        {{ p75(web_vital('lcp_ms')) }} as lcp_p75_ms,
        {{ p75(web_vital('inp_ms')) }} as inp_p75_ms,
        {{ p75(web_vital('cls')) }} as cls_p75
    from people
    left join mains
        on people.client_id = mains.client_id and people.site_id = mains.site_id and people.date = mains.date
    group by people.client_id, people.site_id, people.date

),

views_by_day as (

    select
        client_id,
        site_id,
        date,
        count(max_scroll_percent) as views_with_scroll,
        coalesce(sum(max_scroll_percent), 0) as scroll_percents
    from page_views
    group by client_id, site_id, date

),

sessions_by_day as (

    select
        client_id,
        site_id,
        date,
        count(*) as sessions,
        count(case when is_engaged then 1 end) as engaged_sessions,
        count(case when is_bounce then 1 end) as bounces,
        count(landing_page) as entrances,
        count(exit_page) as exits,
        count(case when conversions > 0 then 1 end) as converted_sessions,
        count(case when channel = 'AI Assistant' then 1 end) as ai_assistant_sessions,
        sum(duration_seconds) as session_seconds,
        median(cast(duration_seconds as double)) as median_session_seconds
    from sessions
    group by client_id, site_id, date

),

final as (

    select
        days.client_id,
        days.site_id,
        days.date,
        days.timezone,
        events_by_day.currency,
        coalesce(events_by_day.visitors, 0) as visitors,
        coalesce(events_by_day.known_visitors, 0) as known_visitors,
        coalesce(sessions_by_day.sessions, 0) as sessions,
        coalesce(sessions_by_day.engaged_sessions, 0) as engaged_sessions,
        coalesce(sessions_by_day.bounces, 0) as bounces,
        coalesce(sessions_by_day.entrances, 0) as entrances,
        coalesce(sessions_by_day.exits, 0) as exits,
        coalesce(sessions_by_day.converted_sessions, 0) as converted_sessions,
        coalesce(sessions_by_day.ai_assistant_sessions, 0) as ai_assistant_sessions,
        coalesce(sessions_by_day.session_seconds, 0) as session_seconds,
        sessions_by_day.median_session_seconds,
        coalesce(events_by_day.events, 0) as events,
        coalesce(events_by_day.page_views, 0) as page_views,
        coalesce(events_by_day.purchases, 0) as purchases,
        coalesce(events_by_day.conversions, 0) as conversions,
        coalesce(events_by_day.revenue, 0) as revenue,
        coalesce(events_by_day.other_currency_amounts, 0) as other_currency_amounts,
        coalesce(events_by_day.revenue_unreadable, 0) as revenue_unreadable,
        coalesce(events_by_day.outbound_clicks, 0) as outbound_clicks,
        coalesce(events_by_day.downloads, 0) as downloads,
        coalesce(events_by_day.form_submits, 0) as form_submits,
        coalesce(events_by_day.errors_404, 0) as errors_404,
        coalesce(events_by_day.engaged_ms, 0) as engaged_ms,
        coalesce(views_by_day.views_with_scroll, 0) as views_with_scroll,
        coalesce(views_by_day.scroll_percents, 0) as scroll_percents,
        coalesce(events_by_day.tier0_events, 0) as tier0_events,
        coalesce(events_by_day.tier1_events, 0) as tier1_events,
        coalesce(events_by_day.tier2_events, 0) as tier2_events,
        coalesce(events_by_day.tier3_events, 0) as tier3_events,
        coalesce(events_by_day.gpc_events, 0) as gpc_events,
        events_by_day.lcp_p75_ms,
        events_by_day.inp_p75_ms,
        events_by_day.cls_p75,
        all_events_by_day.bot_events,
        all_events_by_day.ai_fetches,
        all_events_by_day.late_added,
        all_events_by_day.revisions_after_final,
        days.ends_at + interval {{ var('late_tolerance_hours') | int }} hour as final_at

    from days
    inner join all_events_by_day
        on days.client_id = all_events_by_day.client_id
        and days.site_id = all_events_by_day.site_id
        and days.date = all_events_by_day.date
    left join events_by_day
        on days.client_id = events_by_day.client_id
        and days.site_id = events_by_day.site_id
        and days.date = events_by_day.date
    left join views_by_day
        on days.client_id = views_by_day.client_id
        and days.site_id = views_by_day.site_id
        and days.date = views_by_day.date
    left join sessions_by_day
        on days.client_id = sessions_by_day.client_id
        and days.site_id = sessions_by_day.site_id
        and days.date = sessions_by_day.date

)

select * from final
