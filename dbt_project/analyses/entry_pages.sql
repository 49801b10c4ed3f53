-- Where do visits begin?
select client_id, site_id, page, sum(entrances) as entrances
from {{ ref('pages_daily') }}
where {{ asked() }}
group by client_id, site_id, page
having sum(entrances) > 0
order by entrances desc, client_id, site_id, page
