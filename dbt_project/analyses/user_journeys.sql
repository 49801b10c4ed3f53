-- From which page to which do people go, and how often?
with paths as (

    select
        client_id,
        site_id,
        page,
        lag(page) over (partition by session_id order by occurred_at, event_id) as previous_page
    from {{ ref('page_views') }}
    where not is_bot

)

select client_id, site_id, previous_page, page, count(*) as transitions
from paths
where previous_page is not null
group by client_id, site_id, previous_page, page
order by transitions desc, client_id, site_id, previous_page, page
