{{ config(meta={'rebuilt_by': 'funnels'}) }}

{#- As many as a client file may name (footfall.clients). -#}
{%- set longest = 8 -%}

with definitions as (

    select * from {{ ref('stg_web__funnels') }}

),

-- an event that takes two steps has one place
steps as (

    select
        *,
        dense_rank() over (partition by client_id, site_id, funnel, counted_id order by {{ event_order() }}) as place
    from {{ ref('int_funnel_steps') }}
    {%- if is_partial() %}
    where (
            {{ is_near_touched_day(funnel_days() + session_reach(), funnel_days()) }}
            and (client_id, funnel) not in ({{ changed_funnels() }})
        )
        or (client_id, funnel) in ({{ changed_funnels() }})
    {%- endif %}

),

-- a session enters once; a visitor may enter anew each day
entries as (

    select
        client_id, site_id, funnel, counted_id, date, window_minutes, place,
        occurred_at as entered_at,
        occurred_at as step_at
    from (
        select
            *,
            row_number() over (
                partition by client_id, site_id, funnel, counted_id, case when counted_by = 'visitor' then date end
                order by place
            ) as nth
        from steps
        where step = 1
    ) as ranked
    where nth = 1

),

reached_1 as (

    select * from entries

),
{% for step in range(2, longest + 1) %}
-- the first fitting event after the step before, within the window
reached_{{ step }} as (

    select client_id, site_id, funnel, counted_id, date, window_minutes, place, entered_at, step_at
    from (
        select
            before.client_id, before.site_id, before.funnel, before.counted_id, before.date, before.window_minutes,
            steps.place,
            before.entered_at,
            steps.occurred_at as step_at,
            row_number() over (
                partition by before.client_id, before.site_id, before.funnel, before.counted_id, before.date
                order by steps.place
            ) as nth
        from reached_{{ step - 1 }} as before
        inner join steps
            on before.client_id = steps.client_id
            and before.site_id = steps.site_id
            and before.funnel = steps.funnel
            and before.counted_id = steps.counted_id
            and steps.step = {{ step }}
            and steps.place > before.place
            and steps.occurred_at <= {{ minutes_later('before.entered_at', 'before.window_minutes') }}
    ) as ranked
    where nth = 1

),
{% endfor %}
reached as (

    {% for step in range(1, longest + 1) -%}
    {{ 'union all ' if not loop.first }}select client_id, site_id, funnel, date, {{ step }} as step, entered_at, step_at from reached_{{ step }}
    {% endfor %}

),

counted as (

    select
        client_id,
        site_id,
        funnel,
        date,
        step,
        count(*) as reached,
        median(cast({{ seconds_between('entered_at', 'step_at') }} as double)) as median_seconds
    from reached
    group by client_id, site_id, funnel, date, step

),

-- every step of a funnel that was entered on the day, those nobody reached too
final as (

    select
        -- ids
        entered.client_id,
        entered.site_id,
        entered.funnel,
        entered.date,
        cast(definitions.step as integer) as step,

        -- strings
        definitions.step_name,
        definitions.counted_by,

        -- numbers
        entered.reached as entered,
        coalesce(counted.reached, 0) as reached,
        round(cast(coalesce(counted.reached, 0) as double) / entered.reached, 4) as share_of_entered,
        round(counted.median_seconds, 4) as median_seconds

    from counted as entered
    inner join definitions
        on entered.client_id = definitions.client_id and entered.funnel = definitions.funnel
    left join counted
        on entered.client_id = counted.client_id
        and entered.site_id = counted.site_id
        and entered.funnel = counted.funnel
        and entered.date = counted.date
        and definitions.step = counted.step
    where entered.step = 1

)

select * from final
{%- if is_partial() %}
where {{ is_near_touched_day(funnel_days(), 0) }}
    or (client_id, funnel) in ({{ changed_funnels() }})
{%- endif %}
