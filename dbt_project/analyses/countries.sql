-- From which countries do people come?
select client_id, site_id, country, sum(sessions) as sessions, sum(page_views) as page_views
from {{ ref('geo_daily') }}
where {{ asked() }}
group by client_id, site_id, country
order by sessions desc, client_id, site_id, country
