-- Which words and which links of a campaign bring visits that convert?
select
    client_id,
    site_id,
    campaign,
    term,
    content,
    sum(sessions) as sessions,
    sum(converted_sessions) as converted_sessions,
    {{ ratio('sum(converted_sessions)', 'sum(sessions)') }} as conversion_rate

from {{ ref('sources_daily') }}
where {{ asked() }} and campaign <> '(not set)'
group by client_id, site_id, campaign, term, content
order by sessions desc, client_id, site_id, campaign, term, content
