-- How does each week compare with the week before?
with weeks as (

    select
        client_id,
        site_id,
        cast(date_trunc('week', date) as date) as week,
        sum(page_views) as page_views,
        sum(sessions) as sessions
    from {{ ref('daily_metrics') }}
    where {{ asked() }}
    group by client_id, site_id, cast(date_trunc('week', date) as date)

),

compared as (

    select
        *,
        lag(page_views) over (partition by client_id, site_id order by week) as page_views_before
    from weeks

)

select *, {{ ratio('page_views - page_views_before', 'page_views_before') }} as growth
from compared
order by client_id, site_id, week
