{{ config(meta={'touched_by': 'visitor'}) }}

with sessions as (

    select
        *,
        -- of two that begin in one moment, by what is taken of them: reading their ids would cost a fifth of this
        row_number() over (
            partition by client_id, site_id, visitor_id
            order by started_at, landing_page, source, medium, campaign, channel
        ) as place,
        row_number() over (
            partition by client_id, site_id, visitor_id order by started_at desc, exit_page, country, device
        ) as place_from_end
    from {{ ref('sessions') }}
    where visitor_id is not null and {{ is_touched('visitor') }}

),

mains as (

    {{ main_currencies('sessions', 'client_id, site_id, visitor_id') }}

),

-- the first visit of who is still seen, where its events are gone (docs/lifecycle.md)
carried as (

    select * from {{ ingested('carried_visitors') }}

),

final as (

    select
        -- ids
        sessions.client_id,
        sessions.site_id,
        sessions.visitor_id,

        -- strings
        case when max(consent_tier) = 3 then 'first_party' else 'daily' end as id_kind,
        {{ first_of('first_source', "max(case when place = 1 then source end)") }} as first_source,
        {{ first_of('first_medium', "max(case when place = 1 then medium end)") }} as first_medium,
        {{ first_of('first_campaign', "max(case when place = 1 then campaign end)") }} as first_campaign,
        {{ first_of('first_channel', "max(case when place = 1 then channel end)") }} as first_channel,
        {{ first_of('first_page', "max(case when place = 1 then landing_page end)") }} as first_page,
        max(case when place_from_end = 1 then exit_page end) as last_page,
        max(case when place_from_end = 1 then country end) as country,
        max(case when place_from_end = 1 then device end) as device,
        {{ revenue_currency('sessions', 'mains') }} as currency,

        -- numbers
        count(*) as sessions,
        cast(sum(page_views) as bigint) as page_views,
        cast(sum(events) as bigint) as events,
        cast(sum(conversions) as bigint) as conversions,
        {{ revenue_total('sessions', 'mains') }} as revenue,
        {{ other_currency_amounts('sessions', 'mains', 'other_currency_amounts') }} as other_currency_amounts,
        cast(sum(engaged_seconds) as decimal(18, 3)) as engaged_seconds,
        count(distinct date) as active_days,
        cast({{ seconds_between(first_of('first_seen_at', 'min(started_at)'), 'max(ended_at)') }} as decimal(18, 3)) as lifetime_seconds,

        -- booleans
        max(case when is_bot then 1 else 0 end) = 1 as is_bot,

        -- dates and timestamps
        {{ first_of('first_date', 'min(date)') }} as first_date,
        {{ first_of('first_seen_at', 'min(started_at)') }} as first_seen_at,
        max(ended_at) as last_seen_at

    from sessions
    left join mains
        on sessions.client_id = mains.client_id and sessions.site_id = mains.site_id and sessions.visitor_id = mains.visitor_id
    left join carried
        on sessions.client_id = carried.client_id
        and sessions.site_id = carried.site_id
        and sessions.visitor_id = carried.visitor_id
    group by sessions.client_id, sessions.site_id, sessions.visitor_id

)

select * from final
