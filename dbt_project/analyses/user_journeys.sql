-- From which page to which do people go, and how often?
select client_id, site_id, from_page as previous_page, to_page as page, sum(transitions) as transitions
from {{ ref('journeys') }}
where {{ asked() }}
group by client_id, site_id, from_page, to_page
order by transitions desc, client_id, site_id, previous_page, page
