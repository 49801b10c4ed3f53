-- How often does each value of the counted properties come, by type of event?
select client_id, site_id, event_type, property, value, sum(events) as events, sum(conversions) as conversions
from {{ ref('properties_daily') }}
where {{ asked() }}
group by client_id, site_id, event_type, property, value
order by client_id, site_id, event_type, property, events desc, value
