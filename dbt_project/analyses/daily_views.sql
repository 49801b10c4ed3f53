-- How many pages are seen on each day?
select client_id, site_id, date, page_views
from {{ ref('daily_metrics') }}
where {{ asked() }}
order by client_id, site_id, date desc
