-- Two sessions of one visitor never overlap in time: the later one starts after the earlier has ended.
-- (The same moment twice is one session, because a gap of nothing is no gap.)
select session_id
from (
    select
        session_id,
        started_at,
        lag(ended_at) over (partition by client_id, site_id, visitor_id order by started_at, session_id) as previous_ended_at
    from {{ ref('sessions') }}
    where visitor_id is not null
) as in_sequence
where started_at <= previous_ended_at
