{{ config(meta={'dagster': {'ref': {'name': 'sessions'}}}) }}

-- Two sessions of one visitor never overlap in time: the later one starts when the earlier has ended, or after.
-- (They meet in one moment only where a site's campaigns cut.) Of a run's visitors, and the days around.
select session_id
from (
    select
        session_id,
        started_at,
        lag(ended_at) over (partition by client_id, site_id, visitor_id order by started_at, ended_at) as previous_ended_at
    from {{ ref('sessions') }}
    where visitor_id is not null
    {%- if received_window() is not none %}
        and {{ among_touched('visitor') }}
        and {{ is_near_touched('date', 2, 2) }}
    {%- endif %}
) as in_sequence
where started_at < previous_ended_at
