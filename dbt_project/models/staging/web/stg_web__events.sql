{%- set corrected = enrichable_fields() | reject('equalto', 'is_bot') | reject('equalto', 'page') | list -%}

with received as (

    select * from {{ source('ingest', 'events') }}
    where not is_duplicate

),

enrichments as (

    select * from {{ ref('stg_web__enrichments') }}

),

parsed as (

    select
        received.*,
        {%- for field in corrected %}
        coalesce(enrichments.{{ field }}, received.{{ field }}) as known_{{ field }},
        {%- endfor %}
        coalesce(enrichments.page, received.page) as known_page,
        coalesce(cast(enrichments.is_bot as boolean), received.is_bot, false) as known_is_bot,
        enrichments.learnt,
        {{ url_query('received.url') }} as query,
        -- most addresses have no tag, and need not be looked through for each
        position('utm_' in lower(received.url)) > 0 as is_tagged,
        {{ referrer_host('received.referrer') }} as referrer_host

    from received
    left join enrichments
        on received.client_id = enrichments.client_id
        and received.event_id = enrichments.event_id

),

{{ reading_amounts('parsed') }},

final as (

    select
        -- ids
        {{ event_key() }} as event_key,
        client_id,
        site_id,
        event_id,
        visitor_id,
        previous_visitor_id,
        first_party_session_id,
        known_user_id as user_id,
        view_id,
        case
            when view_id is not null and (event_type = 'page_view' or {{ is_passive() }})
                then {{ short_hash("concat(client_id, '|', site_id, '|', " ~ whose_view() ~ ", '|', view_id)") }}
        end as view_key,

        -- strings
        event_type,
        url,
        host,
        {{ url_path('url') }} as path,
        coalesce(known_page, {{ url_path('url') }}) as page,
        known_page_group as page_group,
        known_title as title,
        referrer,
        referrer_host,
        known_referrer_class as referrer_class,
        known_referrer_source as referrer_source,
        {%- for tag in ('source', 'medium', 'campaign', 'term', 'content') %}
        case
            when is_tagged then {{ normalised(query_parameter('query', 'utm_' ~ tag)) }}
        end as utm_{{ tag }},
        {%- endfor %}
        {{ click_network('query') }} as click_network,
        known_country as country,
        known_region as region,
        known_city as city,
        known_language as language,
        screen,
        viewport,
        known_device as device,
        known_browser as browser,
        known_browser_version as browser_version,
        known_os as os,
        known_os_version as os_version,
        user_agent,
        known_bot_class as bot_class,
        known_bot_name as bot_name,
        bot_signals,
        clock,
        coalesce(source, 'web') as origin,
        method,
        edge_location,
        edge_result,
        enrichment_version,
        amount_currency as currency,
        {{ order_id() }} as order_id,
        props,
        payload,
        learnt,
        redactions,
        -- where the event stands in its moment (macros/event_order.sql)
        case
            when seq is null then ''
            else concat('0', coalesce(regexp_extract(view_id, '^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3})-', 1), ''))
        end as view_begun,
        object_key,

        -- numbers
        consent_tier,
        consent_declared,
        amount as revenue,
        case
            when event_type = 'engagement'
                then {{ engagement_number('engaged_ms', 0, 86400000) }}
        end as engaged_ms,
        case
            when event_type = 'engagement'
                then {{ engagement_number('scroll', 0, 100) }}
        end as scroll_percent,
        lost,
        status,
        time_taken,
        bytes_sent,
        coalesce(seq, -1) as seq,
        line_number,

        -- booleans
        is_amount_unreadable,
        is_declared_host,
        known_is_bot as is_bot,
        coalesce(is_referrer_spam, false) as is_referrer_spam,
        gpc,
        dnt,

        -- timestamps
        occurred_at,
        received_at,
        received_hour

    from priced

)

select * from final
