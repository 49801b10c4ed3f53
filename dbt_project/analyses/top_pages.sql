-- Which pages are seen most, and how long are they read?
select
    client_id,
    site_id,
    page,
    sum(page_views) as page_views,
    {{ ratio('sum(engaged_seconds)', 'sum(page_views)', 1) }} as seconds_a_view

from {{ ref('pages_daily') }}
where {{ asked() }}
group by client_id, site_id, page
having sum(page_views) > 0
order by page_views desc, client_id, site_id, page
limit 100
