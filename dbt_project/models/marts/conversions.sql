{{ config(meta={'rebuilt_by': 'credited'}) }}

{%- set days = var('attribution_days') | int -%}
{%- set what = ['source', 'medium', 'campaign', 'channel'] -%}

with sessions as (

    select * from {{ ref('int_sessions') }}
    where conversions > 0
        {%- if is_partial() %} and session_id in ({{ sessions_credited_anew() }}){% endif %}

),

-- what was done in a session that converts, in order
acts as (

    select
        *,
        row_number() over (partition by session_id order by {{ event_order() }}) as place
    from {{ ref('int_events_joined') }}
    where {{ is_act() }} and session_id in (select session_id from sessions)
        {%- if is_partial() %}
        and {{ is_near_touched('date', 0, days + 1 + session_reach()) }}
        {%- endif %}

),

-- touches of the visitors that convert
touches as (

    select *, coalesce(visitor_id, session_id) as person
    from {{ ref('touches') }}
    where (client_id, site_id, coalesce(visitor_id, session_id)) in (
            select client_id, site_id, coalesce(visitor_id, session_id) from sessions
        )
        {%- if is_partial() %}
        and {{ is_near_touched('date', days + 1 + session_reach(), days + 1 + session_reach()) }}
        {%- endif %}

),

-- up to each conversion, by number in the session
up_to as (

    select
        acts.session_id,
        acts.event_key,
        acts.received_hour,
        coalesce(max(touches.touch_number) over so_far, 1) as last_touch,
        max(case when touches.channel <> 'Direct' then touches.touch_number end) over so_far as last_not_direct,
        coalesce(min(case when touches.channel <> 'Direct' then touches.touch_number end) over so_far, 1) as first_touch
    from acts
    left join touches on acts.event_key = touches.event_key and acts.received_hour = touches.received_hour
    window so_far as (partition by acts.session_id order by acts.place rows between unbounded preceding and current row)

),

-- a session as others of its visitor see it: where it came from, and what came last that was not direct
visits as (

    select
        client_id,
        site_id,
        person,
        session_id,
        min(occurred_at) as began_at,
        coalesce(min(case when channel <> 'Direct' then touch_number end), 1) as first_touch,
        max(case when channel <> 'Direct' then touch_number end) as last_not_direct
    from touches
    group by client_id, site_id, person, session_id

),

placed as (

    select
        *,
        row_number() over (partition by client_id, site_id, person, began_at order by session_id) as place,
        row_number() over (
            partition by client_id, site_id, person, began_at
            order by case when last_not_direct is not null then 0 else 1 end, session_id
        ) as place_of_not_direct,
        min(began_at) over (
            partition by client_id, site_id, person
            order by began_at range between interval {{ days }} day preceding and current row
        ) as first_at,
        max(case when last_not_direct is not null then began_at end) over (
            partition by client_id, site_id, person
            order by began_at range between interval {{ days * 86400 }} second preceding and interval 1 microsecond preceding
        ) as not_direct_at
    from visits

),

-- which touch of which session each conversion is credited to
credits as (

    select
        up_to.event_key,
        up_to.received_hour,
        case when placed.first_at < placed.began_at then firsts.session_id else up_to.session_id end as first_session,
        case when placed.first_at < placed.began_at then firsts.first_touch else up_to.first_touch end as first_touch,
        up_to.last_touch,
        case when up_to.last_not_direct is null then before.session_id else up_to.session_id end as not_direct_session,
        coalesce(up_to.last_not_direct, before.last_not_direct) as not_direct_touch
    from up_to
    inner join placed on up_to.session_id = placed.session_id
    left join placed as firsts
        on placed.client_id = firsts.client_id
        and placed.site_id = firsts.site_id
        and placed.person = firsts.person
        and placed.first_at = firsts.began_at
        and firsts.place = 1
    left join placed as before
        on placed.client_id = before.client_id
        and placed.site_id = before.site_id
        and placed.person = before.person
        and placed.not_direct_at = before.began_at
        and before.place_of_not_direct = 1

),

final as (

    select
        -- ids
        events.event_key,
        events.client_id,
        events.site_id,
        events.event_id,
        events.session_id,
        events.visitor_id,

        -- strings
        events.event_type as conversion,
        events.page,
        sessions.landing_page,
        sessions.source,
        sessions.medium,
        sessions.campaign,
        sessions.channel,
        {%- for each in what %}
        firsts.{{ each }} as first_{{ each }},
        {%- endfor %}
        {%- for each in what %}
        lasts.{{ each }} as last_{{ each }},
        {%- endfor %}
        {%- for each in what %}
        case when credits.not_direct_touch is null then lasts.{{ each }} else not_direct.{{ each }} end as last_non_direct_{{ each }},
        {%- endfor %}
        sessions.country,
        sessions.device,
        events.currency,

        -- numbers
        cast(row_number() over (
            partition by events.session_id order by events.place
        ) as bigint) as conversion_number,
        events.revenue,
        cast({{ seconds_between('sessions.started_at', 'events.occurred_at') }} as decimal(18, 3)) as seconds_from_start,

        -- booleans
        events.is_bot,

        -- dates and timestamps
        events.date,
        events.occurred_at,
        events.received_at,
        events.received_hour

    from acts as events
    inner join sessions on events.session_id = sessions.session_id
    inner join credits on events.event_key = credits.event_key and events.received_hour = credits.received_hour
    inner join touches as firsts on credits.first_session = firsts.session_id and credits.first_touch = firsts.touch_number
    inner join touches as lasts on events.session_id = lasts.session_id and credits.last_touch = lasts.touch_number
    left join touches as not_direct
        on credits.not_direct_session = not_direct.session_id and credits.not_direct_touch = not_direct.touch_number
    where events.is_conversion

)

select * from final
