-- At which hours of the site's own clock, on which days of the week, do people come? Monday is 1.
select
    views.client_id,
    views.site_id,
    {{ weekday_of(local_time('views.occurred_at', 'days')) }} as weekday,
    {{ hour_of(local_time('views.occurred_at', 'days')) }} as hour,
    count(*) as page_views

from {{ ref('page_views') }} as views
left join {{ ref('stg_web__sites') }} as sites
    on views.client_id = sites.client_id and views.site_id = sites.site_id
{{ join_zone_days('days', "coalesce(sites.timezone, 'UTC')", utc_date('views.occurred_at')) }}
where not views.is_bot
group by 1, 2, 3, 4
order by 1, 2, 3, 4
