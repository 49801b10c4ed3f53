-- How long do visits last: how many under ten seconds, a minute, ten minutes, and more?
with sorted as (

    select
        client_id,
        site_id,
        case
            when duration_seconds < 10 then '1: under 10 s'
            when duration_seconds < 60 then '2: under 1 min'
            when duration_seconds < 600 then '3: under 10 min'
            else '4: 10 min and more'
        end as lasted
    from {{ ref('sessions') }}
    where {{ asked() }} and not is_bot

)

select client_id, site_id, lasted, count(*) as sessions
from sorted
group by client_id, site_id, lasted
order by client_id, site_id, lasted
