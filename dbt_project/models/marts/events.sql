{{ config(materialized='view') }}

with events as (

    select * from {{ ref('int_events_joined') }}

),

final as (

    select
        -- ids
        event_key,
        client_id,
        site_id,
        event_id,
        session_id,
        visitor_id,
        first_party_session_id,
        user_id,
        view_id,

        -- strings
        event_type,
        url,
        host,
        path,
        page,
        page_group,
        title,
        referrer,
        referrer_host,
        referrer_class,
        referrer_source,
        utm_source,
        utm_medium,
        utm_campaign,
        utm_term,
        utm_content,
        click_network,
        country,
        region,
        city,
        language,
        screen,
        viewport,
        device,
        browser,
        browser_version,
        os,
        os_version,
        user_agent,
        bot_class,
        bot_name,
        bot_signals,
        clock,
        origin,
        method,
        edge_location,
        edge_result,
        enrichment_version,
        currency,
        site_currency,
        order_id,
        props,
        payload,
        learnt,

        -- numbers
        consent_tier,
        consent_declared,
        revenue,
        engaged_ms,
        scroll_percent,
        lost,
        status,
        time_taken,
        bytes_sent,
        timeout_minutes,

        -- booleans
        is_conversion,
        is_amount_unreadable,
        is_repeated_order,
        is_declared_host,
        is_bot,
        is_referrer_spam,
        gpc,
        dnt,

        -- dates and timestamps
        date,
        occurred_at,
        received_at,
        received_hour

    from events

)

select * from final
