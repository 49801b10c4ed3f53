-- people whom an assistant sent
with referred as (

    select client_id, site_id, date, 'referral' as kind, source as name, 1 as visits, page_views as requests, landing_page as page
    from {{ ref('sessions') }}
    where channel = 'AI Assistant' and not is_bot and {{ is_touched('day') }}

),

-- assistants that fetch a page for somebody who asks, agents that have signed, and crawlers that gather
fetched as (

    select
        client_id,
        site_id,
        date,
        case bot_class when 'ai_assistant' then 'fetch' when 'ai_agent' then 'agent' else 'crawl' end as kind,
        coalesce(bot_name, '(unknown)') as name,
        0 as visits,
        1 as requests,
        page
    from {{ ref('events') }}
    where bot_class in ('ai_assistant', 'ai_crawler', 'ai_agent') and session_id is not null and {{ is_touched('day') }}

),

traffic as (

    select * from referred
    union all
    select * from fetched

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        kind,
        name,

        -- numbers
        cast(sum(visits) as bigint) as visits,
        cast(sum(requests) as bigint) as requests,
        count(distinct page) as pages

    from traffic
    group by client_id, site_id, date, kind, name

)

select * from final
