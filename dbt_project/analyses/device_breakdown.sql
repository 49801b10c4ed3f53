-- How many page views has each device and browser?
select client_id, site_id, device, browser, sum(page_views) as page_views
from {{ ref('devices_daily') }}
where {{ asked() }}
group by client_id, site_id, device, browser
order by page_views desc, client_id, site_id, device, browser
