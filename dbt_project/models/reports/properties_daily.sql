{#- Characters of a value that are counted by; what is longer differs in no more than these. -#}
{%- set longest = 200 -%}

with properties as (

    select client_id, site_id, property from {{ ref('stg_web__properties') }}

),

events as (

    select client_id, site_id, date, event_type, visitor_id, session_id, props, learnt, is_conversion
    from {{ ref('events') }}
    where not is_bot
        and session_id is not null
        and (props is not null or learnt is not null)
        and (client_id, site_id) in (select client_id, site_id from properties)
        and {{ is_touched('day') }}

),

-- what was learnt later comes before what was sent
valued as (

    select
        events.client_id,
        events.site_id,
        events.date,
        events.event_type,
        properties.property,
        left(coalesce({{ json_member('events.learnt', 'properties.property') }}, {{ json_member('events.props', 'properties.property') }}), {{ longest }}) as value,
        events.visitor_id,
        events.session_id,
        events.is_conversion
    from events
    inner join properties on events.client_id = properties.client_id and events.site_id = properties.site_id

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        event_type,
        property,
        value,

        -- numbers
        count(*) as events,
        count(distinct visitor_id) as visitors,
        count(distinct session_id) as sessions,
        count(case when is_conversion then 1 end) as conversions

    from valued
    where value is not null
    group by client_id, site_id, date, event_type, property, value

)

select * from final
