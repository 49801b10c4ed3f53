-- How many visits see one page, two pages, and so on?
select client_id, site_id, page_views, count(*) as sessions
from {{ ref('sessions') }}
where {{ asked() }} and not is_bot
group by client_id, site_id, page_views
order by client_id, site_id, page_views
