{{ config(materialized='table', tags=['whole']) }}

with pages as (

    select * from {{ ref('pages_daily') }}
    where page_views > 0

),

final as (

    select
        -- ids
        client_id,
        site_id,
        page,

        -- strings: as last seen
        max_by(title, case when title is not null then date end) as title,
        max_by(page_group, case when page_group is not null then date end) as page_group,

        -- numbers
        count(*) as days,
        cast(sum(page_views) as bigint) as page_views,
        cast(sum(entrances) as bigint) as entrances,
        cast(sum(exits) as bigint) as exits,
        cast(sum(engaged_seconds) as decimal(18, 3)) as engaged_seconds,

        -- booleans: by the site's newest day and not by a clock, so that the same events give the same rows
        max(date) >= {{ days_later('max(max(date)) over (partition by client_id, site_id)', '-' ~ (var('active_days') | int - 1)) }} as is_active,

        -- dates and timestamps
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from pages
    group by client_id, site_id, page

)

select * from final
