{{ config(materialized='view') }}

with events as (

    select * from {{ ref('int_events_sessionised') }}

),

continued as (

    select * from {{ ref('int_continued_sessions') }}

),

final as (

    select
        -- ids
        events.event_key,
        events.client_id,
        events.site_id,
        events.event_id,
        coalesce(continued.continues_session_id, events.session_id) as session_id,
        events.visitor_id,
        events.first_party_session_id,
        events.user_id,
        events.view_id,

        -- strings
        events.event_type,
        events.url,
        events.host,
        events.path,
        events.page,
        events.page_group,
        events.title,
        events.referrer,
        events.referrer_host,
        events.referrer_class,
        events.referrer_source,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        events.click_network,
        events.country,
        events.region,
        events.city,
        events.language,
        events.screen,
        events.device,
        events.browser,
        events.browser_version,
        events.os,
        events.os_version,
        events.user_agent,
        events.bot_class,
        events.bot_name,
        events.bot_signals,
        events.clock,
        events.origin,
        events.edge_location,
        events.edge_result,
        events.enrichment_version,
        events.currency,
        events.props,

        -- numbers
        events.consent_tier,
        events.consent_declared,
        events.revenue,
        events.engaged_ms,
        events.scroll_percent,
        events.lost,
        events.status,
        events.time_taken,
        events.bytes_sent,
        events.timeout_minutes,

        -- booleans
        events.is_conversion,
        events.is_declared_host,
        events.is_bot,
        events.is_referrer_spam,
        events.gpc,
        events.dnt,

        -- dates and timestamps
        events.date,
        events.occurred_at,
        events.received_at,
        events.received_hour

    from events
    left join continued on events.session_id = continued.session_id

)

select * from final
