{{ config(group='reporting', meta={'touched_by': 'session', 'rebuilt_by': 'funnels'}) }}

with steps as (

    select * from {{ ref('stg_web__funnels') }}

),

events as (

    select client_id, site_id, session_id, visitor_id, event_type, page, date, {{ event_order() }}
    from {{ ref('int_events_joined') }}
    where not is_bot
        and session_id is not null
        and (client_id, event_type) in (select client_id, event_type from steps)
        {%- if is_partial() %}
        and {{ is_touched('session') }}
        {%- endif %}

),

{% if is_partial() %}

all_events as (

    select client_id, site_id, session_id, visitor_id, event_type, page, date, {{ event_order() }}
    from {{ ref('int_events_joined') }}
    where not is_bot
        and session_id is not null
        and (client_id, event_type) in (
            select client_id, event_type from steps where (client_id, funnel) in ({{ changed_funnels() }})
        )

),

{% endif %}

matched as (

    {% for source in (['events', 'all_events'] if is_partial() else ['events']) %}
    {{ 'union all' if not loop.first }}
    select
        events.client_id,
        events.site_id,
        steps.funnel,
        steps.counted_by,
        case when steps.counted_by = 'visitor' then events.visitor_id else events.session_id end as counted_id,
        events.session_id,
        steps.step,
        steps.window_minutes,
        events.date,
        {{ event_order('events') }}
    from {{ source }} as events
    inner join steps
        on events.client_id = steps.client_id
        and events.event_type = steps.event_type
        and (steps.page_pattern is null or events.page like steps.page_pattern escape '!')
    {%- if is_partial() %}
    where (steps.client_id, steps.funnel) {{ 'not ' if source == 'events' }}in ({{ changed_funnels() }})
    {%- endif %}
    {% endfor %}

),

final as (

    select * from matched
    where counted_id is not null

)

select * from final
