{{ config(meta={'touched_by': 'session'}) }}

with events as (

    select * from {{ ref('int_events_joined') }}
    where event_type in ('identify', 'alias')
        and user_id is not null
        and {{ is_touched('session') }}

),

final as (

    select
        event_key,
        client_id,
        site_id,
        event_id,
        session_id,
        visitor_id,
        event_type,
        user_id,
        case when event_type = 'alias' then nullif({{ json_text('props', 'previous') }}, '') end as previous_user_id,
        consent_tier,
        date,
        occurred_at,
        view_begun,
        seq,
        received_at,
        object_key,
        line_number
    from events

)

select * from final
