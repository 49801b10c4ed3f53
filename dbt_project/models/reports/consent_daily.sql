with events as (

    select
        client_id,
        site_id,
        date,
        coalesce(consent_tier, 1) as consent_tier,
        visitor_id,
        session_id,
        event_type,
        gpc,
        dnt
    from {{ ref('events') }}
    where not is_bot and session_id is not null and {{ is_touched('day') }}

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        consent_tier,

        -- numbers
        count(*) as events,
        count(case when event_type = 'page_view' then 1 end) as page_views,
        count(distinct case when {{ is_act() }} then visitor_id end) as visitors,
        count(distinct session_id) as sessions,
        count(case when gpc then 1 end) as gpc_events,
        count(case when dnt then 1 end) as dnt_events,
        count(case when event_type = 'consent' then 1 end) as consent_changes

    from events
    group by client_id, site_id, date, consent_tier

)

select * from final
