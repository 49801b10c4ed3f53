with events as (

    select * from {{ ref('int_events_sessionised') }}

),

page_views as (

    select * from {{ ref('page_views') }}

),

session_sources as (

    select * from {{ ref('int_session_sources') }}

),

events_by_session as (

    select
        session_id,
        client_id,
        site_id,
        visitor_id,
        {{ revenue_currency() }} as currency,
        {{ revenue_total() }} as revenue,
        count(*) as events,
        count(case when event_type = 'page_view' then 1 end) as page_views,
        count(
            case
                when event_type <> 'page_view'
                    and event_type not in ({{ quoted_list(var('passive_event_types')) }})
                    then 1
            end
        ) as interactions,
        bool_or(is_bot) as is_bot,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at
    from events
    group by session_id, client_id, site_id, visitor_id

),

pages_by_session as (

    select
        session_id,
        min_by(page, page_view_number) as landing_page,
        max_by(page, page_view_number) as exit_page
    from page_views
    group by session_id

),

final as (

    select
        -- ids
        events_by_session.session_id,
        events_by_session.client_id,
        events_by_session.site_id,
        events_by_session.visitor_id,

        -- strings
        pages_by_session.landing_page,
        pages_by_session.exit_page,
        session_sources.referrer_host,
        session_sources.source,
        session_sources.medium,
        session_sources.campaign,
        session_sources.channel,
        events_by_session.currency,

        -- numbers
        events_by_session.page_views,
        events_by_session.events,
        events_by_session.revenue,
        cast(
            {{ seconds_between('events_by_session.started_at', 'events_by_session.ended_at') }} as decimal(18, 3)
        ) as duration_seconds,

        -- booleans
        events_by_session.page_views = 1 and events_by_session.interactions = 0 as is_bounce,
        events_by_session.is_bot,

        -- timestamps
        events_by_session.started_at,
        events_by_session.ended_at,
        events_by_session.ended_at
            + interval {{ var('session_timeout_minutes') | int }} minutes as closed_at

    from events_by_session
    inner join session_sources on events_by_session.session_id = session_sources.session_id
    left join pages_by_session on events_by_session.session_id = pages_by_session.session_id

)

select * from final
