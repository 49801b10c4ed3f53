{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild_touched',
        unique_key='date',
        on_schema_change='fail',
        meta={'touched_by': 'day'},
    )
}}

with sessions as (

    select
        client_id, site_id, date, visitor_id,
        coalesce(country, '(unknown)') as country,
        coalesce(region, '(unknown)') as region,
        coalesce(city, '(unknown)') as city,
        currency, revenue, page_views, engaged_seconds, duration_seconds, conversions, is_engaged, is_bounce
    from {{ ref('sessions') }}
    where not is_bot and {{ is_touched('day') }}

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        country,
        region,
        city,

        -- strings
        {{ revenue_currency() }} as currency,

        -- numbers
        count(*) as sessions,
        count(distinct visitor_id) as visitors,
        count(case when is_engaged then 1 end) as engaged_sessions,
        count(case when is_bounce then 1 end) as bounces,
        {{ ratio('count(case when is_bounce then 1 end)', 'count(*)') }} as bounce_rate,
        cast(sum(page_views) as bigint) as page_views,
        cast(sum(engaged_seconds) as decimal(18, 3)) as engaged_seconds,
        cast(sum(duration_seconds) as decimal(18, 3)) as session_seconds,
        cast(sum(conversions) as bigint) as conversions,
        count(case when conversions > 0 then 1 end) as converted_sessions,
        {{ revenue_total() }} as revenue

    from sessions
    group by client_id, site_id, date, country, region, city

)

select * from final
