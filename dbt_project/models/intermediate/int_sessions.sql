{{ config(meta={'touched_by': 'session'}) }}

{%- set of_source = [
    'host', 'referrer_host', 'referrer_class', 'referrer_source', 'utm_source', 'utm_medium', 'utm_campaign',
    'click_network',
] -%}
{%- set of_entry = [
    'country', 'region', 'city', 'language', 'screen', 'device', 'browser', 'os',
] -%}

with events as (

    select * from {{ ref('int_events_joined') }}
    where session_id is not null and {{ is_touched('session') }}

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

in_order as (

    select
        session_id, event_key, event_type, {{ says_where_from() }} as has_source,
        row_number() over (partition by session_id order by {{ event_order() }}) as place
    from events
    where {{ is_act() }}

),

-- the events a session is known by; it came from where the first of its page views says that knows, else from where its
-- first page view does, or its first event where it has none
ends as (

    select
        session_id,
        min_by(event_key, place) as first_key,
        coalesce(
            min_by(event_key, case when event_type = 'page_view' then place end), min_by(event_key, place)
        ) as entry_key,
        coalesce(
            min_by(event_key, case when event_type = 'page_view' and has_source then place end),
            min_by(event_key, case when event_type = 'page_view' then place end),
            min_by(event_key, place)
        ) as source_key,
        max_by(event_key, case when event_type = 'page_view' then place end) as exit_key
    from in_order
    group by session_id

),

counted as (

    select
        session_id,
        client_id,
        site_id,
        {{ revenue_currency() }} as currency,
        -- of a visit in which the visitor consented, what held for the visitor that it counts for
        min(case when visitor_id is null or visitor_id = counted_visitor_id then consent_tier end) as consent_tier,
        max(timeout_minutes) as timeout_minutes,
        {{ revenue_total() }} as revenue,
        count(*) as events,
        count(case when event_type = 'page_view' then 1 end) as page_views,
        count(case when is_conversion then 1 end) as conversions,
        count(
            case
                when event_type <> 'page_view' and {{ is_act() }} then 1
            end
        ) as interactions,
        cast(coalesce(sum(engaged_ms), 0) * 0.001 as decimal(18, 3)) as engaged_seconds,
        max(case when is_bot then 1 else 0 end) = 1 as is_bot,
        max(case when is_referrer_spam then 1 else 0 end) = 1 as is_referrer_spam,
        min(case when {{ is_act() }} then occurred_at end) as started_at,
        -- what came too late to lengthen it has no part in its length
        max(case when lasts_until is not null or {{ is_act() }} then occurred_at end) as ended_at,
        max(received_at) as last_received_at
    from events
    group by session_id, client_id, site_id

),

summed as (

    select
        counted.*,
        firsts.counted_visitor_id as visitor_id,
        firsts.first_party_session_id,
        firsts.date,
        case when entries.event_type = 'page_view' then entries.page end as landing_page,
        exits.page as exit_page,
        {%- for fact in of_source %}
        sources.{{ fact }},
        {%- endfor %}
        {%- for fact in of_entry %}
        entries.{{ fact }}{{ ',' if not loop.last }}
        {%- endfor %}
    from counted
    inner join ends on counted.session_id = ends.session_id
    inner join events as firsts on ends.session_id = firsts.session_id and ends.first_key = firsts.event_key
    inner join events as entries on ends.session_id = entries.session_id and ends.entry_key = entries.event_key
    inner join events as sources on ends.session_id = sources.session_id and ends.source_key = sources.event_key
    left join events as exits on ends.session_id = exits.session_id and ends.exit_key = exits.event_key

),

-- a page of the site itself is no referrer, nor is one that visitors only pass through
referred as (

    select
        *,
        case
            when coalesce(referrer_class, '') not in ({{ quoted_list(passed_through()) }})
                and {{ plain_host('referrer_host') }} <> coalesce({{ plain_host('host') }}, '')
                then {{ plain_host('referrer_host') }}
        end as plain_referrer
    from summed

),

named as (

    select
        referred.*,
        case
            when referred.plain_referrer is not null
                then coalesce(referrers.source, referred.referrer_source, referred.plain_referrer)
        end as referrer_name,
        case
            when referred.plain_referrer is not null then coalesce(referrers.category, referred.referrer_class)
        end as referrer_category
    from referred
    left join referrer_hosts as referrers on referred.plain_referrer = referrers.host

),

clicked as (

    select
        *,
        case
            when not {{ says_more_than_click('referrer_name', 'referrer_category', 'click_network') }} then click_network
        end as click
    from named

),

-- tags say most, then the click id of an advertising network, then the referrer; but one that says more than the id
-- comes before it
tagged as (

    select
        *,
        coalesce(
            utm_source,
            case when click = 'google' and referrer_category = 'video' then referrer_name end,
            click,
            referrer_name
        ) as said,
        -- google.de is google.*; news.chatgpt.com is chatgpt.com's
        regexp_replace({{ plain_host('utm_source') }}, '[.]([a-z][a-z][a-z]?[.])?[a-z]+$', '.*') as any_ending,
        nullif(regexp_extract(utm_source, '^[^.]+[.](.+[.].+)$', 1), '') as parent
    from clicked

),

-- one name for each source, however it is written
credited as (

    select
        tagged.*,
        coalesce(known_sources.source, of_any_ending.source, of_parent.source, tagged.said) as source,
        coalesce(
            known_sources.category, of_any_ending.category, of_parent.category,
            case when tagged.utm_source is null and tagged.click is null then tagged.referrer_category end
        ) as category
    from tagged
    left join known_sources on {{ plain_host('tagged.said') }} = known_sources.alias
    left join known_sources as of_any_ending on tagged.any_ending = of_any_ending.alias
    left join known_sources as of_parent on tagged.parent = of_parent.alias

),

mediated as (

    select
        *,
        coalesce(
            utm_medium,
            case when click is not null then 'cpc' end,
            case
                when utm_source is not null or plain_referrer is null then null
                when referrer_category = 'ads' then 'display'
                when referrer_category = 'search' then 'organic'
                when referrer_category = 'ai_assistant' then 'ai-assistant'
                when referrer_category = 'email' then 'email'
                else 'referral'
            end
        ) as medium
    from credited

),

channelled as (

    select
        *,
        {{ channel('source', 'medium', 'utm_campaign', 'category') }} as channel
    from mediated

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
        page_views = 1 and interactions = 0 and engaged_seconds < {{ var('engaged_seconds') }} as is_bounce,
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
