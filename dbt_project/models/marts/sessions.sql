{{ config(meta={'rebuilt_by': 'attribution'}) }}

{%- set days = var('attribution_days') | int -%}
{%- set of_visit = 'client_id, site_id, started_at, source, medium, campaign, channel' -%}

with

-- what is made anew: all that is known of it
sessions as (

    select * from {{ ref('int_sessions') }}
    {%- if is_partial() %}
    where visitor_id is null and {{ is_touched('session') }}

    union all

    select * from {{ ref('int_sessions') }}
    where {{ is_credited_anew() }}
    {%- endif %}

),

-- and of what the same visitors did in the days around it, what credit is given by: few columns of many rows
visits as (

    -- nobody knows what a visitor without an id did before
    select {{ of_visit }}, session_id as person
    from {{ ref('int_sessions') }}
    where visitor_id is null and {{ is_touched('session') }}

    union all

    select {{ of_visit }}, visitor_id as person
    from {{ ref('int_sessions') }}
    where visitor_id is not null
        {%- if is_partial() %}
        and {{ among_touched('visitor') }}
        and {{ is_near_touched('date', days + 1, days + 1) }}
        {%- endif %}

),

-- the first session of the days before, and the last that was not direct; both may be the session itself
credits as (

    select distinct
        client_id,
        site_id,
        person,
        started_at,
        min(started_at) over (
            partition by client_id, site_id, person
            order by started_at range between interval {{ days }} day preceding and current row
        ) as first_at,
        max(case when channel <> 'Direct' then started_at end) over (
            partition by client_id, site_id, person
            order by started_at range between interval {{ days }} day preceding and current row
        ) as last_non_direct_at
    from visits

),

-- where campaigns cut, two sessions of a visitor may begin in one moment: the first by name is credited. Their ids
-- would be as good an order, but half of all that is read.
starts as (

    select
        *,
        row_number() over (
            partition by client_id, site_id, person, started_at order by source, medium, campaign, channel
        ) as place,
        row_number() over (
            partition by client_id, site_id, person, started_at
            order by case when channel <> 'Direct' then 0 else 1 end, source, medium, campaign, channel
        ) as place_of_not_direct
    from visits

),

final as (

    select
        -- ids
        sessions.session_id,
        sessions.client_id,
        sessions.site_id,
        sessions.visitor_id,
        sessions.first_party_session_id,

        -- strings
        sessions.landing_page,
        sessions.exit_page,
        sessions.referrer_host,
        sessions.source,
        sessions.medium,
        sessions.campaign,
        sessions.term,
        sessions.content,
        sessions.channel,
        firsts.source as first_source,
        firsts.medium as first_medium,
        firsts.campaign as first_campaign,
        firsts.channel as first_channel,
        coalesce(credited.source, sessions.source) as last_non_direct_source,
        coalesce(credited.medium, sessions.medium) as last_non_direct_medium,
        coalesce(credited.campaign, sessions.campaign) as last_non_direct_campaign,
        coalesce(credited.channel, sessions.channel) as last_non_direct_channel,
        sessions.country,
        sessions.region,
        sessions.city,
        sessions.language,
        sessions.screen,
        sessions.device,
        sessions.browser,
        sessions.os,
        sessions.currency,

        -- numbers
        sessions.consent_tier,
        sessions.page_views,
        sessions.events,
        sessions.conversions,
        sessions.revenue,
        sessions.other_currency_amounts,
        sessions.engaged_seconds,
        sessions.duration_seconds,

        -- booleans
        sessions.is_bounce,
        sessions.is_engaged,
        sessions.is_bot,
        sessions.is_referrer_spam,

        -- dates and timestamps
        sessions.date,
        sessions.started_at,
        sessions.ended_at,
        sessions.closed_at,
        sessions.last_received_at,
        sessions.closed_at + interval {{ var('late_tolerance_hours') | int }} hour as final_at

    from sessions
    inner join credits
        on sessions.client_id = credits.client_id
        and sessions.site_id = credits.site_id
        and coalesce(sessions.visitor_id, sessions.session_id) = credits.person
        and sessions.started_at = credits.started_at
    inner join starts as firsts
        on credits.client_id = firsts.client_id
        and credits.site_id = firsts.site_id
        and credits.person = firsts.person
        and credits.first_at = firsts.started_at
        and firsts.place = 1
    left join starts as credited
        on credits.client_id = credited.client_id
        and credits.site_id = credited.site_id
        and credits.person = credited.person
        and credits.last_non_direct_at = credited.started_at
        and credited.place_of_not_direct = 1

)

select * from final
