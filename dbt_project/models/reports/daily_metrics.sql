{{ config(materialized='table', tags=['whole']) }}

with days as (

    select * from {{ ref('int_site_days') }}

),

sites as (

    select * from {{ ref('stg_web__sites') }}

),

-- up to where ingest has come; from a day's last moment on, late events have the tolerance to arrive
watermark as (

    select max(received_hour) + interval 1 hour as reached_at from {{ ref('stg_web__hours') }}

),

new_visitors_by_day as (

    select client_id, site_id, first_date as date, count(*) as new_visitors
    from {{ ref('visitors') }}
    where id_kind = 'first_party' and not is_bot
    group by client_id, site_id, first_date

),

-- by the day on which the hour of receipt began
received_by_day as (

    select
        hours.client_id,
        hours.site_id,
        {{ local_date('hours.received_hour', 'days') }} as date,
        sum(hours.received) as received,
        sum(hours.duplicates) as duplicates,
        sum(hours.quarantined) as quarantined,
        sum(hours.pixel_lost) as pixel_lost,
        sum(hours.unattributed_reports) as unattributed_reports
    from {{ ref('int_received_hours') }} as hours
    left join sites on hours.client_id = sites.client_id and hours.site_id = sites.site_id
    {{ join_zone_days('days', "coalesce(sites.timezone, 'UTC')", utc_date('hours.received_hour')) }}
    group by hours.client_id, hours.site_id, {{ local_date('hours.received_hour', 'days') }}

),

final as (

    select
        -- ids
        days.client_id,
        days.site_id,
        days.date,

        -- strings
        days.timezone,
        days.currency,
        '{{ var("model_version") }}' as model_version,

        -- numbers
        days.visitors,
        least(coalesce(new_visitors_by_day.new_visitors, 0), days.known_visitors) as new_visitors,
        days.known_visitors - least(coalesce(new_visitors_by_day.new_visitors, 0), days.known_visitors) as returning_visitors,
        days.sessions,
        days.engaged_sessions,
        days.bounces,
        {{ ratio('days.bounces', 'days.sessions') }} as bounce_rate,
        {{ ratio('days.engaged_sessions', 'days.sessions') }} as engagement_rate,
        days.page_views,
        {{ ratio('days.page_views', 'days.sessions') }} as views_per_session,
        days.events,
        cast(days.engaged_ms * 0.001 as decimal(18, 3)) as engaged_seconds,
        {{ ratio('days.engaged_ms * 0.001', 'days.sessions', 3) }} as avg_engaged_seconds,
        {{ ratio('days.session_seconds', 'days.sessions', 3) }} as avg_session_seconds,
        round(days.median_session_seconds, 4) as median_session_seconds,
        days.entrances,
        days.exits,
        days.conversions,
        days.converted_sessions,
        {{ ratio('days.converted_sessions', 'days.sessions') }} as conversion_rate,
        days.purchases,
        days.revenue,
        days.outbound_clicks,
        days.downloads,
        days.form_submits,
        days.errors_404,
        {{ ratio('days.scroll_percents', 'days.views_with_scroll', 2) }} as avg_scroll_pct,
        round(days.lcp_p75_ms, 3) as lcp_p75_ms,
        round(days.inp_p75_ms, 3) as inp_p75_ms,
        round(days.cls_p75, 5) as cls_p75,
        days.bot_events,
        days.ai_assistant_sessions,
        days.ai_fetches,
        {%- for tier in range(4) %}
        {{ ratio('days.tier' ~ tier ~ '_events', 'days.events') }} as share_tier{{ tier }},
        {%- endfor %}
        {{ ratio('days.gpc_events', 'days.events') }} as gpc_share,
        cast(coalesce(received_by_day.received, 0) as bigint) as received,
        cast(coalesce(received_by_day.duplicates, 0) as bigint) as duplicates,
        cast(coalesce(received_by_day.quarantined, 0) as bigint) as quarantined,
        days.late_added,
        cast(coalesce(received_by_day.pixel_lost, 0) as bigint) as pixel_lost,
        1 + days.revisions_after_final as revision,
        cast(coalesce(received_by_day.unattributed_reports, 0) as bigint) as unattributed_reports,
        days.revenue_unreadable,
        days.other_currency_amounts,

        -- booleans
        coalesce(watermark.reached_at >= days.final_at, false) as is_final,

        -- timestamps
        days.final_at

    from days
    cross join watermark
    left join new_visitors_by_day
        on days.client_id = new_visitors_by_day.client_id
        and days.site_id = new_visitors_by_day.site_id
        and days.date = new_visitors_by_day.date
    left join received_by_day
        on days.client_id = received_by_day.client_id
        and days.site_id = received_by_day.site_id
        and days.date = received_by_day.date

)

select * from final
