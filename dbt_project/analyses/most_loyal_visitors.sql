-- Who comes most often, of visitors who allow a lasting id and came first in these days?
select client_id, site_id, visitor_id, sessions, active_days, page_views, lifetime_seconds
from {{ ref('visitors') }}
where {{ asked('first_date') }} and id_kind = 'first_party' and not is_bot
order by sessions desc, client_id, site_id, visitor_id
limit 100
