-- At which hours of the site's own clock, on which days of the week, do people come? Monday is 1.
select
    client_id,
    site_id,
    {{ weekday_of(site_time('occurred_at')) }} as weekday,
    {{ hour_of(site_time('occurred_at')) }} as hour,
    count(*) as page_views

from {{ ref('page_views') }}
where {{ asked() }} and not is_bot
group by 1, 2, 3, 4
order by 1, 2, 3, 4
