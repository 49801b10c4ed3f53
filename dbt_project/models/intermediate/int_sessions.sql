{{
    config(
        materialized='incremental',
        incremental_strategy='rebuild_touched',
        unique_key='session_id',
        on_schema_change='fail',
        meta={'touched_by': 'session'},
    )
}}

with events as (

    select * from {{ ref('events') }}
    where {{ is_touched('session') }}

),

referrer_hosts as (

    select * from {{ ref('referrer_hosts') }}

),

-- every name a source goes by: its hosts, and its own name as people write it into utm_source
known_sources as (

    select host as alias, source, category from referrer_hosts
    union
    select source as alias, source, category from referrer_hosts

),

ranked as (

    select
        *,
        -- the event a session is credited to: its first page view, or its first event where it has none
        row_number() over (
            partition by session_id
            order by case when event_type = 'page_view' then 0 else 1 end, occurred_at, event_id
        ) as entry_rank,
        row_number() over (partition by session_id order by occurred_at, event_id) as first_rank,
        row_number() over (
            partition by session_id
            order by case when event_type = 'page_view' then 0 else 1 end, occurred_at desc, event_id desc
        ) as exit_rank
    from events

),

summed as (

    select
        session_id,
        client_id,
        site_id,
        max(case when first_rank = 1 then visitor_id end) as visitor_id,
        max(case when first_rank = 1 then first_party_session_id end) as first_party_session_id,
        max(case when first_rank = 1 then date end) as date,
        max(case when entry_rank = 1 and event_type = 'page_view' then page end) as landing_page,
        max(case when exit_rank = 1 and event_type = 'page_view' then page end) as exit_page,
        max(case when entry_rank = 1 then host end) as host,
        max(case when entry_rank = 1 then referrer_host end) as referrer_host,
        max(case when entry_rank = 1 then referrer_class end) as referrer_class,
        max(case when entry_rank = 1 then referrer_source end) as referrer_source,
        max(case when entry_rank = 1 then utm_source end) as utm_source,
        max(case when entry_rank = 1 then utm_medium end) as utm_medium,
        max(case when entry_rank = 1 then utm_campaign end) as utm_campaign,
        max(case when entry_rank = 1 then click_network end) as click_network,
        max(case when entry_rank = 1 then country end) as country,
        max(case when entry_rank = 1 then region end) as region,
        max(case when entry_rank = 1 then city end) as city,
        max(case when entry_rank = 1 then language end) as language,
        max(case when entry_rank = 1 then screen end) as screen,
        max(case when entry_rank = 1 then device end) as device,
        max(case when entry_rank = 1 then browser end) as browser,
        max(case when entry_rank = 1 then os end) as os,
        {{ revenue_currency() }} as currency,
        min(consent_tier) as consent_tier,
        max(timeout_minutes) as timeout_minutes,
        {{ revenue_total() }} as revenue,
        count(*) as events,
        count(case when event_type = 'page_view' then 1 end) as page_views,
        count(case when is_conversion then 1 end) as conversions,
        count(
            case
                when event_type <> 'page_view'
                    and event_type not in ({{ quoted_list(var('passive_event_types')) }})
                    then 1
            end
        ) as interactions,
        cast(coalesce(sum(engaged_ms), 0) * 0.001 as decimal(18, 3)) as engaged_seconds,
        max(case when is_bot then 1 else 0 end) = 1 as is_bot,
        max(case when is_referrer_spam then 1 else 0 end) = 1 as is_referrer_spam,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        max(received_at) as last_received_at
    from ranked
    group by session_id, client_id, site_id

),

-- a page of the site itself is no referrer
referred as (

    select
        *,
        case
            when coalesce(referrer_class, '') <> 'internal'
                and {{ plain_host('referrer_host') }} <> coalesce({{ plain_host('host') }}, '')
                then {{ plain_host('referrer_host') }}
        end as plain_referrer
    from summed

),

-- tags say most, then the click id of an advertising network, then the referrer
credited as (

    select
        referred.*,
        coalesce(
            referred.utm_source,
            referred.click_network,
            referrers.source,
            case when referred.plain_referrer is not null then referred.referrer_source end,
            referred.plain_referrer
        ) as source,
        case
            when referred.plain_referrer is not null then coalesce(referrers.category, referred.referrer_class)
        end as referrer_category
    from referred
    left join referrer_hosts as referrers on referred.plain_referrer = referrers.host

),

mediated as (

    select
        *,
        coalesce(
            utm_medium,
            case when click_network is not null then 'cpc' end,
            case
                when utm_source is not null or plain_referrer is null then null
                when referrer_category = 'search' then 'organic'
                when referrer_category = 'ai_assistant' then 'ai-assistant'
                when referrer_category = 'email' then 'email'
                else 'referral'
            end
        ) as medium
    from credited

),

categorised as (

    select
        mediated.*,
        coalesce(
            known_sources.category,
            case when mediated.utm_source is null and mediated.click_network is null then mediated.referrer_category end
        ) as category
    from mediated
    left join known_sources on {{ plain_host('mediated.source') }} = known_sources.alias

),

channelled as (

    select
        *,
        {{ channel('source', 'medium', 'utm_campaign', 'category') }} as channel
    from categorised

),

final as (

    select
        session_id,
        client_id,
        site_id,
        visitor_id,
        first_party_session_id,
        landing_page,
        exit_page,
        case when plain_referrer is not null then referrer_host end as referrer_host,
        coalesce(source, case when channel = 'Direct' then '(direct)' else '(not set)' end) as source,
        coalesce(medium, case when channel = 'Direct' then '(none)' else '(not set)' end) as medium,
        utm_campaign as campaign,
        channel,
        country,
        region,
        city,
        language,
        screen,
        device,
        browser,
        os,
        currency,
        consent_tier,
        page_views,
        events,
        conversions,
        revenue,
        engaged_seconds,
        cast({{ seconds_between('started_at', 'ended_at') }} as decimal(18, 3)) as duration_seconds,
        page_views = 1 and interactions = 0 as is_bounce,
        page_views >= 2 or conversions > 0 or engaged_seconds >= {{ var('engaged_seconds') }} as is_engaged,
        is_bot,
        is_referrer_spam,
        date,
        started_at,
        ended_at,
        {{ minutes_later('ended_at', 'timeout_minutes') }} as closed_at,
        last_received_at
    from channelled

)

select * from final
