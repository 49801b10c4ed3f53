{{ config(meta={'rebuilt_by': 'bridges'}) }}

{#-
    A cookieless visitor has another id after the midnight of the site. Events of the first half hour of a day carry the id
    that the same device had the day before; a session that has such an event looks for the session it continues.
    Beside these stand the sessions of first-party ids that began inside one (macros/consent_links.sql).
-#}

-- depends_on: {{ ref('int_orders') }}
with

{% if is_partial() %}

-- an event and the one it continues are at most half a day apart
touched_neighbours as (

    select client_id, site_id, visitor_id, date from {{ touched() }}
    union
    select client_id, site_id, visitor_id, {{ days_later('date', -1) }} as date from {{ touched() }}
    union
    select client_id, site_id, visitor_id, {{ days_later('date', 1) }} as date from {{ touched() }}

),

{% endif %}

carrying as (

    select
        session_id, client_id, site_id, previous_visitor_id, {{ event_order() }}, occurred_on, date, timeout_minutes,
        cut_at_midnight
    from {{ ref('int_events_sessionised') }}
    where previous_visitor_id is not null and {{ is_act() }} and not {{ is_claim() }}

),

-- what may have changed: sessions that were touched, and those that look for a visitor who was
looking as (

    {% if is_partial() -%}
    select session_id, client_id, site_id from carrying
    where (session_id, date) in (select session_id, date from {{ touched() }})
    union
    select session_id, client_id, site_id from carrying
    where (client_id, site_id, previous_visitor_id, date) in (
        select client_id, site_id, visitor_id, date from touched_neighbours
    )
    {%- else -%}
    select distinct session_id, client_id, site_id from carrying
    {%- endif %}

),

-- each event with the dates on which the one before it can be
seeking as (

    select carrying.*, {{ utc_date(minutes_later('carrying.occurred_at', -720)) }} as found_on
    from carrying
    inner join looking on carrying.session_id = looking.session_id
    union
    select carrying.*, carrying.occurred_on as found_on
    from carrying
    inner join looking on carrying.session_id = looking.session_id

),

found as (

    select
        seeking.session_id,
        before.session_id as continues_session_id,
        row_number() over (
            partition by seeking.session_id
            order by {{ event_order('before', 'desc') }}, {{ event_order('seeking') }}
        ) as place
    from seeking
    inner join {{ ref('int_events_sessionised') }} as before
        on seeking.client_id = before.client_id
        and seeking.site_id = before.site_id
        and seeking.previous_visitor_id = before.visitor_key
        -- an act, or attention that lengthens its session
        and (before.lasts_until is not null or {{ is_act('before.event_type') }})
        and seeking.found_on = before.occurred_on
        and before.occurred_at <= seeking.occurred_at
        and seeking.occurred_at <= {{ minutes_later('before.occurred_at', 'seeking.timeout_minutes') }}
        and not (seeking.cut_at_midnight and seeking.date <> before.date)
    {%- if is_partial() %}
    -- more days than any of `seeking` lies away: without them every event is read, to find none
    where {{ is_near_touched('before.occurred_on', session_reach() + 2, session_reach() + 2) }}
    {%- endif %}

),

pairs as (

    select looking.session_id, looking.client_id, looking.site_id, found.continues_session_id
    from looking
    left join found on looking.session_id = found.session_id and found.place = 1

),

-- both whole, to see how long they are together
lengths as (

    select
        events.session_id,
        min(events.occurred_at) as started_at,
        max(events.occurred_at) as ended_at,
        -- a session that begins with a campaign is not continued into where campaigns cut
        max(
            case when {{ is_act('events.event_type') }} and events.cut_on_campaign and events.utm_campaign is not null then 1 else 0 end
        ) as has_campaign
    from {{ ref('int_events_sessionised') }} as events
    where (events.lasts_until is not null or {{ is_act('events.event_type') }})
        and events.session_id in (select session_id from pairs union select continues_session_id from pairs)
        {%- if is_partial() %}
        and {{ is_near_touched('events.date', session_reach(), session_reach()) }}
        {%- endif %}
    group by events.session_id

),

consent_links as (

    {{ consent_links() }}

),

over_midnight as (

    select
        pairs.session_id,
        pairs.client_id,
        pairs.site_id,
        case
            when later.has_campaign = 0
                and {{ seconds_between('earlier.started_at', 'later.ended_at') }} < {{ var('session_max_hours') | int * 3600 }}
                and {{ seconds_between('earlier.started_at', 'earlier.ended_at') }} < {{ var('session_max_hours') | int * 3600 }}
                then pairs.continues_session_id
        end as continues_session_id
    from pairs
    inner join lengths as later on pairs.session_id = later.session_id
    left join lengths as earlier on pairs.continues_session_id = earlier.session_id

),

final as (

    select
        session_id, client_id, site_id, continues_session_id,
        cast(null as string) as claimed_visitor_id, cast(null as string) as linked_visitor_id, cast(null as date) as claimed_on
    from over_midnight

    union all

    select * from consent_links

)

select * from final
