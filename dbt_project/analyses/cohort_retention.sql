-- Of the visitors who came first in a week, which share comes again in the weeks after?
select client_id, site_id, cohort_week, weeks_later, cohort_visitors, visitors, retention
from {{ ref('retention_weekly') }}
where {{ asked('cohort_week') }}
order by client_id, site_id, cohort_week, weeks_later
