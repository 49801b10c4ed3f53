{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild_attribution',
        unique_key='session_id',
        on_schema_change='fail',
    )
}}

{%- set days = var('attribution_days') | int -%}

with sessions as (

    -- nobody knows what a visitor without an id did before
    select *, coalesce(visitor_id, session_id) as person
    from {{ ref('int_sessions') }}
    {%- if is_incremental() %}
    where visitor_id is null and {{ is_touched('session') }}

    union all

    select *, visitor_id as person
    from {{ ref('int_sessions') }}
    where (client_id, site_id, visitor_id) in (
            select client_id, site_id, visitor_id from {{ touched() }} where visitor_id is not null
        )
        and {{ is_near_touched('date', days + 1, days + 1) }}
    {%- endif %}

),

-- the first session of the days before, and the last that was not direct; both may be the session itself
looked_back as (

    select
        *,
        min(started_at) over (
            partition by client_id, site_id, person
            order by started_at range between interval {{ days }} day preceding and current row
        ) as first_at,
        max(case when channel <> 'Direct' then started_at end) over (
            partition by client_id, site_id, person
            order by started_at range between interval {{ days }} day preceding and current row
        ) as last_non_direct_at
    from sessions

),

-- where campaigns cut, two sessions of a visitor may begin in one moment
starts as (

    select
        *,
        row_number() over (partition by client_id, site_id, person, started_at order by session_id) as place,
        row_number() over (
            partition by client_id, site_id, person, started_at
            order by case when channel <> 'Direct' then 0 else 1 end, session_id
        ) as place_of_not_direct
    from sessions

),

final as (

    select
        -- ids
        looked_back.session_id,
        looked_back.client_id,
        looked_back.site_id,
        looked_back.visitor_id,
        looked_back.first_party_session_id,

        -- strings
        looked_back.landing_page,
        looked_back.exit_page,
        looked_back.referrer_host,
        looked_back.source,
        looked_back.medium,
        looked_back.campaign,
        looked_back.channel,
        firsts.source as first_source,
        firsts.medium as first_medium,
        firsts.campaign as first_campaign,
        firsts.channel as first_channel,
        coalesce(credited.source, looked_back.source) as last_non_direct_source,
        coalesce(credited.medium, looked_back.medium) as last_non_direct_medium,
        coalesce(credited.campaign, looked_back.campaign) as last_non_direct_campaign,
        coalesce(credited.channel, looked_back.channel) as last_non_direct_channel,
        looked_back.country,
        looked_back.region,
        looked_back.city,
        looked_back.language,
        looked_back.screen,
        looked_back.device,
        looked_back.browser,
        looked_back.os,
        looked_back.currency,

        -- numbers
        looked_back.consent_tier,
        looked_back.page_views,
        looked_back.events,
        looked_back.conversions,
        looked_back.revenue,
        looked_back.engaged_seconds,
        looked_back.duration_seconds,

        -- booleans
        looked_back.is_bounce,
        looked_back.is_engaged,
        looked_back.is_bot,
        looked_back.is_referrer_spam,

        -- dates and timestamps
        looked_back.date,
        looked_back.started_at,
        looked_back.ended_at,
        looked_back.closed_at,
        looked_back.last_received_at,
        looked_back.closed_at + interval {{ var('late_tolerance_hours') | int }} hour as final_at

    from looked_back
    inner join starts as firsts
        on looked_back.client_id = firsts.client_id
        and looked_back.site_id = firsts.site_id
        and looked_back.person = firsts.person
        and looked_back.first_at = firsts.started_at
        and firsts.place = 1
    left join starts as credited
        on looked_back.client_id = credited.client_id
        and looked_back.site_id = credited.site_id
        and looked_back.person = credited.person
        and looked_back.last_non_direct_at = credited.started_at
        and credited.place_of_not_direct = 1

)

select * from final
{%- if is_incremental() %}
where visitor_id is null or {{ is_credited_anew() }}
{%- endif %}
