{{ config(meta={'dagster': {'ref': {'name': 'sessions'}}}) }}

-- Every kept event of the window is in `events` once and nothing else is; and sessions count exactly the events
-- there are of theirs (requests, and reports of unknown views, are of none).
-- The window and not everything, because a later hour may be ingested already and not modelled yet. Counted per
-- client: a join of all events would cost more than the models.
with received as (

    select client_id, count(*) as events
    from {{ ref('stg_web__events') }}
    where {{ received_in_window('received_hour') }}
    group by client_id

),

kept as (

    select client_id, count(*) as events
    from {{ ref('events') }}
    where {{ received_in_window('received_hour') }}
    group by client_id

),

grouped as (

    select session_id, count(*) as events
    from {{ ref('events') }}
    where session_id is not null
        {%- if received_window() is not none %}
        and {{ among_touched('session') }}
        {%- endif %}
    group by session_id

),

claimed as (

    select session_id, sum(events) as events
    from {{ ref('sessions') }}
    {%- if received_window() is not none %}
    where {{ among_touched('session') }}
    {%- endif %}
    group by session_id

)

select received.client_id as compared, received.events as expected, kept.events as found
from received
full outer join kept on received.client_id = kept.client_id
where received.events is distinct from kept.events

union all

select grouped.session_id as compared, grouped.events as expected, claimed.events as found
from grouped
full outer join claimed on grouped.session_id = claimed.session_id
where grouped.events is distinct from claimed.events
