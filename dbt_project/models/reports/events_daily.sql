with events as (

    select client_id, site_id, date, event_type, visitor_id, session_id, page, currency, revenue, is_conversion
    from {{ ref('events') }}
    where not is_bot and session_id is not null and {{ is_touched('day') }}

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        event_type,

        -- strings
        {{ revenue_currency() }} as currency,

        -- numbers
        count(*) as events,
        count(distinct visitor_id) as visitors,
        count(distinct session_id) as sessions,
        count(distinct page) as pages,
        count(case when is_conversion then 1 end) as conversions,
        {{ revenue_total() }} as revenue

    from events
    group by client_id, site_id, date, event_type

)

select * from final
