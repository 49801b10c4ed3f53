{{ config(meta={'touched_by': 'session'}) }}

{%- set of_source = source_facts() -%}
{%- set of_entry = [
    'country', 'region', 'city', 'language', 'screen', 'device', 'browser', 'os',
] -%}

with events as (

    select * from {{ ref('int_events_joined') }}
    where session_id is not null and {{ is_touched('session') }}

),

in_order as (

    select
        session_id, event_key, event_type, page is not null as has_page, {{ says_where_from() }} as has_source,
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
        -- a purchase may be on a page that nobody counts as seen
        case
            when max(case when event_type = 'page_view' then 1 else 0 end) = 1
                then max_by(event_key, case when event_type = 'page_view' or has_page then place end)
        end as exit_key
    from in_order
    group by session_id

),

mains as (

    {{ main_currencies('events', 'session_id', 'site_currency') }}

),

counted as (

    select
        events.session_id,
        client_id,
        site_id,
        {{ revenue_currency('events', 'mains') }} as currency,
        -- of a visit in which the visitor consented, what held for the visitor that it counts for
        min(case when visitor_id is null or visitor_id = counted_visitor_id then consent_tier end) as consent_tier,
        max(timeout_minutes) as timeout_minutes,
        {{ revenue_total('events', 'mains') }} as revenue,
        {{ other_currency_amounts('events', 'mains') }} as other_currency_amounts,
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
    left join mains on events.session_id = mains.session_id
    group by events.session_id, client_id, site_id

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

{{ named_sources('summed') }},

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
        {{ shown_name('source', '(direct)') }} as source,
        {{ shown_name('medium', '(none)') }} as medium,
        utm_campaign as campaign,
        utm_term as term,
        utm_content as content,
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
        other_currency_amounts,
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
