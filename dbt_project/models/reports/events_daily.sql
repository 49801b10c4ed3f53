with events as (

    select client_id, site_id, date, event_type, visitor_id, session_id, page, currency, site_currency, revenue, is_conversion
    from {{ ref('events') }}
    where not is_bot and session_id is not null and {{ is_touched('day') }}

),

mains as (

    {{ main_currencies('events', 'client_id, site_id, date, event_type', 'site_currency') }}

),

final as (

    select
        -- ids
        events.client_id,
        events.site_id,
        events.date,
        events.event_type,

        -- strings
        {{ revenue_currency('events', 'mains') }} as currency,

        -- numbers
        count(*) as events,
        count(distinct visitor_id) as visitors,
        count(distinct session_id) as sessions,
        count(distinct page) as pages,
        count(case when is_conversion then 1 end) as conversions,
        {{ revenue_total('events', 'mains') }} as revenue,
        {{ other_currency_amounts('events', 'mains') }} as other_currency_amounts

    from events
    left join mains
        on events.client_id = mains.client_id and events.site_id = mains.site_id
        and events.date = mains.date and events.event_type = mains.event_type
    group by events.client_id, events.site_id, events.date, events.event_type

)

select * from final
