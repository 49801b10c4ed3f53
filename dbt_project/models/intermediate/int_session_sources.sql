with referrer_hosts as (

    select * from {{ ref('referrer_hosts') }}

),

-- every name a source goes by: its hosts, and its own name as people write it into utm_source
known_sources as (

    select host as alias, source, category from referrer_hosts
    union
    select source as alias, source, category from referrer_hosts

),

own_hosts as (

    select distinct client_id, site_id, {{ plain_host('host') }} as host
    from {{ ref('int_events_sessionised') }}
    where is_declared_host

),

-- the event a session is credited to: its first page view, or its first event where it has none
entries as (

    select *
    from (
        select
            session_id, client_id, site_id, host, referrer_host,
            utm_source, utm_medium, utm_campaign, click_network,
            row_number() over (
                partition by session_id
                order by case when event_type = 'page_view' then 0 else 1 end, occurred_at, event_id
            ) as entry_rank
        from {{ ref('int_events_sessionised') }}
    ) as ranked
    where entry_rank = 1

),

-- a page of the site itself is no referrer
referred as (

    select
        entries.session_id,
        entries.utm_source,
        entries.utm_medium,
        entries.utm_campaign,
        entries.click_network,
        case
            when own_hosts.host is null
                and {{ plain_host('entries.referrer_host') }} <> {{ plain_host('entries.host') }}
                then entries.referrer_host
        end as referrer_host
    from entries
    left join own_hosts
        on entries.client_id = own_hosts.client_id
        and entries.site_id = own_hosts.site_id
        and {{ plain_host('entries.referrer_host') }} = own_hosts.host

),

-- tags say most, then the click id of an advertising network, then the referrer
credited as (

    select
        referred.session_id,
        referred.referrer_host,
        coalesce(
            referred.utm_source,
            referred.click_network,
            referrers.source,
            {{ plain_host('referred.referrer_host') }}
        ) as source,
        coalesce(
            referred.utm_medium,
            case when referred.click_network is not null then 'cpc' end,
            case
                when referred.utm_source is not null or referred.referrer_host is null then null
                when referrers.category = 'search' then 'organic'
                when referrers.category = 'ai_assistant' then 'ai-assistant'
                when referrers.category = 'email' then 'email'
                else 'referral'
            end
        ) as medium,
        referred.utm_campaign as campaign
    from referred
    left join referrer_hosts as referrers
        on {{ plain_host('referred.referrer_host') }} = referrers.host

),

channelled as (

    select
        credited.*,
        {{ channel('credited.source', 'credited.medium', 'credited.campaign', 'known_sources.category') }} as channel
    from credited
    left join known_sources on {{ plain_host('credited.source') }} = known_sources.alias

),

final as (

    select
        session_id,
        referrer_host,
        coalesce(source, case when channel = 'Direct' then '(direct)' else '(not set)' end) as source,
        coalesce(medium, case when channel = 'Direct' then '(none)' else '(not set)' end) as medium,
        campaign,
        channel
    from channelled

)

select * from final
