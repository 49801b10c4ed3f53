-- How many page views has each site of each client?
select client_id, site_id, sum(page_views) as page_views
from {{ ref('daily_metrics') }}
where {{ asked() }}
group by client_id, site_id
order by page_views desc, client_id, site_id
