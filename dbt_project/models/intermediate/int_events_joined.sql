{{ config(materialized='view', access='protected') }}

with events as (

    select * from {{ ref('int_events_sessionised') }}

),

continued as (

    select * from {{ ref('int_continued_sessions') }}

),

final as (

    select
        {% for fact in event_facts() -%}
        events.{{ fact }},
        {% endfor -%}
        coalesce(continued.continues_session_id, events.session_id) as session_id,
        coalesce(continued.linked_visitor_id, events.visitor_id) as counted_visitor_id,
        events.timeout_minutes,
        events.is_conversion,
        events.date,
        events.lasts_until
    from events
    left join continued on events.session_id = continued.session_id

)

select * from final
