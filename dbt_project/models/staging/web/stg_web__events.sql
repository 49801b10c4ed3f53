with received as (

    select * from {{ source('ingest', 'events') }}
    where not is_duplicate

),

parsed as (

    select
        *,
        {{ url_query('url') }} as query,
        {{ url_host('referrer') }} as referrer_host,
        -- a number that does not fit, or is none, is no revenue
        try_cast({{ json_text('props', 'revenue') }} as decimal(18, 4)) as revenue

    from received

),

final as (

    select
        -- ids
        {{ event_key() }} as event_key,
        client_id,
        site_id,
        event_id,
        visitor_id,

        -- strings
        event_type,
        url,
        host,
        {{ url_path('url') }} as path,
        title,
        referrer,
        referrer_host,
        {{ normalised(query_parameter('query', 'utm_source')) }} as utm_source,
        {{ normalised(query_parameter('query', 'utm_medium')) }} as utm_medium,
        {{ normalised(query_parameter('query', 'utm_campaign')) }} as utm_campaign,
        case
            when regexp_extract(query, '(?i)(^|&)((gclid|gbraid|wbraid)=[^&])', 2) <> '' then 'google'
            when regexp_extract(query, '(?i)(^|&)(msclkid=[^&])', 2) <> '' then 'bing'
        end as click_network,
        user_agent,
        case
            when revenue is not null
                then nullif(regexp_extract(upper(trim({{ json_text('props', 'currency') }})), '^([A-Z]{3})$', 1), '')
        end as currency,
        props,

        -- numbers
        revenue,

        -- booleans
        is_declared_host,
        {{ says_bot('user_agent') }} as is_bot,
        gpc,
        dnt,

        -- timestamps
        occurred_at,
        received_at,
        received_hour

    from parsed

)

select * from final
