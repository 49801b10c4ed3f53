-- At which hours of the site's own clock, on which days of the week, do people come? Monday is 1.
select
    views.client_id,
    views.site_id,
    {{ local_weekday('views.occurred_at', "coalesce(sites.timezone, 'UTC')") }} as weekday,
    {{ local_hour('views.occurred_at', "coalesce(sites.timezone, 'UTC')") }} as hour,
    count(*) as page_views

from {{ ref('page_views') }} as views
left join {{ ref('stg_web__sites') }} as sites
    on views.client_id = sites.client_id and views.site_id = sites.site_id
where not views.is_bot
group by 1, 2, 3, 4
order by 1, 2, 3, 4
