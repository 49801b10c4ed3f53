-- Where do visits come from, and what are they worth?
select
    client_id,
    site_id,
    channel,
    source,
    sum(sessions) as sessions,
    sum(converted_sessions) as converted_sessions,
    {{ ratio('sum(converted_sessions)', 'sum(sessions)') }} as conversion_rate

from {{ ref('sources_daily') }}
where {{ asked() }}
group by client_id, site_id, channel, source
order by sessions desc, client_id, site_id, channel, source
