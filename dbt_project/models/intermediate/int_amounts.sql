{{ config(group='reporting', meta={'touched_by': 'day'}) }}

with amounts as (

    select
        event_key, received_hour, client_id, site_id, session_id, date, event_type, currency, site_currency, revenue, is_conversion
    from {{ ref('events') }}
    where revenue is not null and not is_bot and session_id is not null and {{ is_touched('day') }}

),

mains as (

    {{ main_currencies('amounts', 'client_id, site_id, date', 'site_currency') }}

),

sessions as (

    select session_id, channel, source, medium, campaign
    from {{ ref('sessions') }}
    {%- if is_partial() %}
    where {{ is_near_touched('date', session_reach(), 0) }}
    {%- endif %}

),

final as (

    select
        amounts.event_key,
        amounts.client_id,
        amounts.site_id,
        sessions.channel,
        sessions.source,
        sessions.medium,
        coalesce(sessions.campaign, '(not set)') as campaign,
        coalesce(amounts.currency, mains.main_currency, '(unknown)') as currency,
        amounts.revenue,
        amounts.revenue >= 0 and ({{ is_purchase('amounts.event_type') }} or amounts.is_conversion) as is_order,
        amounts.date,
        amounts.received_hour
    from amounts
    inner join sessions on amounts.session_id = sessions.session_id
    left join mains
        on amounts.client_id = mains.client_id and amounts.site_id = mains.site_id and amounts.date = mains.date

)

select * from final
