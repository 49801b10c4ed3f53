-- How long do people stay on a page before they go on?
select
    client_id,
    site_id,
    page,
    count(seconds_to_next) as left_for_another,
    round({{ median_of('seconds_to_next') }}, 1) as median_seconds

from {{ ref('page_views') }}
where {{ asked() }} and not is_bot
group by client_id, site_id, page
having count(seconds_to_next) > 0
order by client_id, site_id, page
