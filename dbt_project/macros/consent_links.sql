{#-
    Consent in the middle of a visit: the first event of a first-party id carries the hash that its device has that
    day (a claim). The session of the hash that is going on then is joined to the first session of the id.

    One first-party id may claim a hash: where two do (an office has one address), none has it. The first claim of a
    hash counts, and nothing that the hash does after it is ever joined: where its session goes on, the consent was
    taken back, or somebody else has the hash, and nothing is joined at all.
    In a part: links that may have changed, and those that are no more, with nothing that they continue.
-#}
{%- macro is_claim() -%}
    (coalesce(consent_tier, 0) = 3 and previous_visitor_id is not null and visitor_id is not null)
{%- endmacro -%}

{%- macro consent_links() -%}
{%- set whose = 'client_id, site_id, previous_visitor_id' -%}
{%- set longest = var('session_max_hours') | int * 3600 -%}
{#- Days around a claim on which its sessions can have events: twelve hours to them, and their length. -#}
{%- set reach = session_reach() -%}
with

every_claim as (

    select
        {{ whose }}, visitor_id, {{ event_order() }}, occurred_on, timeout_minutes
    from {{ ref('int_events_sessionised') }}
    where {{ is_claim() }}

),

{% if is_partial() %}

-- a claim that came or went touches its hash (macros/rebuild_islands.sql)
changed_visitors as (

    select distinct client_id, site_id, visitor_id from {{ touched() }} where visitor_id is not null

),

{% endif %}

claims as (

    select
        *,
        row_number() over (partition by {{ whose }} order by {{ event_order() }}, visitor_id) as place,
        min(visitor_id) over (partition by {{ whose }}) as least_visitor_id,
        max(visitor_id) over (partition by {{ whose }}) as greatest_visitor_id
    from every_claim
    {%- if is_partial() %}
    where ({{ whose }}) in (
        select client_id, site_id, visitor_id from changed_visitors
        union
        select {{ whose }} from every_claim
        where (client_id, site_id, visitor_id) in (select client_id, site_id, visitor_id from changed_visitors)
    )
    {%- endif %}

),

-- of whom events are looked for, and on which days
looked_for as (
    {% for who in ('visitor_id', 'previous_visitor_id') %}
    {%- for step in range(-reach, reach + 1) %}
    {{ 'union all' if not (loop.first and who == 'visitor_id') }}
    select
        {{ whose }}, occurred_at as claimed_at, occurred_on as claimed_on, timeout_minutes,
        visitor_id as linked_visitor_id, {{ who }} as visitor_key, {{ 1 if who == 'visitor_id' else 0 }} as is_linked,
        {{ days_later('occurred_on', step) }} as found_on
    from claims
    where place = 1 and least_visitor_id = greatest_visitor_id
    {%- endfor %}
    {%- endfor %}

),

-- acts, and attention that lengthens its session
signs as (

    select
        looked_for.*,
        events.session_id,
        events.date,
        events.cut_at_midnight,
        {{ event_order('events') }},
        case when {{ is_act('events.event_type') }} then events.occurred_at end as act_at,
        case
            when {{ is_act('events.event_type') }} and events.cut_on_campaign and events.utm_campaign is not null then 1
            else 0
        end as is_campaign
    from looked_for
    inner join {{ ref('int_events_sessionised') }} as events
        on looked_for.client_id = events.client_id
        and looked_for.site_id = events.site_id
        and looked_for.visitor_key = events.visitor_key
        and looked_for.found_on = events.occurred_on
        and (events.lasts_until is not null or {{ is_act('events.event_type') }})
    where events.occurred_on in (select found_on from looked_for)

),

spans as (

    select
        {{ whose }}, linked_visitor_id, is_linked, claimed_at, claimed_on, timeout_minutes, session_id,
        min(act_at) as started_at,
        max(occurred_at) as ended_at,
        max(act_at) as last_act_at,
        max(is_campaign) as has_campaign,
        min(date) as date
    from signs
    group by {{ whose }}, linked_visitor_id, is_linked, claimed_at, claimed_on, timeout_minutes, session_id

),

-- the session of the hash that the claim finds
current_ones as (

    select
        *,
        row_number() over (partition by {{ whose }} order by {{ event_order(direction='desc') }}, session_id) as place
    from signs
    where is_linked = 0
        and occurred_at <= claimed_at
        and claimed_at <= {{ minutes_later('occurred_at', 'timeout_minutes') }}

),

-- the first session of the id, where the claim is its beginning
next_ones as (

    select *, row_number() over (partition by {{ whose }} order by started_at, session_id) as place
    from spans
    where is_linked = 1
        and started_at >= claimed_at
        and started_at <= {{ minutes_later('claimed_at', 'timeout_minutes') }}

),

linked as (

    select
        later.*,
        earlier.session_id as continues_session_id,
        row_number() over (partition by later.session_id order by later.claimed_at desc, later.previous_visitor_id)
            as place_of_claim
    from next_ones as later
    inner join current_ones as nearest
        on later.client_id = nearest.client_id
        and later.site_id = nearest.site_id
        and later.previous_visitor_id = nearest.previous_visitor_id
        and nearest.place = 1
    inner join spans as earlier
        on later.client_id = earlier.client_id
        and later.site_id = earlier.site_id
        and later.previous_visitor_id = earlier.previous_visitor_id
        and earlier.is_linked = 0
        and nearest.session_id = earlier.session_id
    where later.place = 1
        and earlier.last_act_at <= later.claimed_at
        and later.has_campaign = 0
        and not (nearest.cut_at_midnight and nearest.date <> later.date)
        and {{ seconds_between('earlier.started_at', 'later.ended_at') }} < {{ longest }}
        and {{ seconds_between('earlier.started_at', 'earlier.ended_at') }} < {{ longest }}

),

links as (

    select
        session_id, client_id, site_id, continues_session_id, previous_visitor_id as claimed_visitor_id,
        linked_visitor_id, claimed_on
    from linked
    where place_of_claim = 1

)

select * from links
{%- if is_partial() %}

union all

select
    session_id, client_id, site_id, null as continues_session_id, claimed_visitor_id, linked_visitor_id, claimed_on
from {{ this }}
where claimed_visitor_id is not null
    and (
        (client_id, site_id, claimed_visitor_id) in (select client_id, site_id, visitor_id from changed_visitors)
        or (client_id, site_id, linked_visitor_id) in (select client_id, site_id, visitor_id from changed_visitors)
    )
    and session_id not in (select session_id from links)
{%- endif %}
{%- endmacro -%}
