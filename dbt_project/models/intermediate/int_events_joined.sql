{{ config(materialized='view', access='protected') }}

with events as (

    select * from {{ ref('int_events_sessionised') }}

),

continued as (

    select * from {{ ref('int_continued_sessions') }}

),

repeated as (

    select event_key, received_hour from {{ ref('int_orders') }}
    where is_repeated

),

final as (

    select
        {% for fact in event_facts() -%}
        {% if fact == 'revenue' -%}
        -- an order that is sent twice counts once
        case when repeated.event_key is null then events.revenue end as revenue,
        {% else -%}
        events.{{ fact }},
        {% endif -%}
        {% endfor -%}
        coalesce(continued.continues_session_id, events.session_id) as session_id,
        events.timeout_minutes,
        events.is_conversion and repeated.event_key is null as is_conversion,
        repeated.event_key is not null as is_repeated_order,
        events.site_currency,
        events.date,
        events.lasts_until
    from events
    left join continued on events.session_id = continued.session_id
    left join repeated
        on events.event_key = repeated.event_key
        and events.received_hour = repeated.received_hour

)

select * from final
