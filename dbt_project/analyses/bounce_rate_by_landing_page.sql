-- On which landing pages do visits end at once?
select
    client_id,
    site_id,
    landing_page,
    count(*) as sessions,
    {{ ratio('count(case when is_bounce then 1 end)', 'count(*)') }} as bounce_rate

from {{ ref('sessions') }}
where {{ asked() }} and not is_bot and landing_page is not null
group by client_id, site_id, landing_page
order by sessions desc, client_id, site_id, landing_page
