{#-
    The query of a report that counts the sessions of people by site, day and `dimensions`: column → the expression
    over a row of sessions that fills it.
-#}
{% macro sessions_by(dimensions) %}
with sessions as (

    select
        client_id, site_id, date, visitor_id,
        {%- for column, expression in dimensions.items() %}
        {{ expression }}{{ ' as ' ~ column if expression != column }},
        {%- endfor %}
        currency, revenue, other_currency_amounts, page_views, engaged_seconds, duration_seconds, conversions, is_engaged, is_bounce
    from {{ ref('sessions') }}
    where not is_bot and {{ is_touched('day') }}

),

mains as (

    {{ main_currencies('sessions', 'client_id, site_id, date, ' ~ (dimensions | join(', '))) }}

),

final as (

    select
        -- ids
        sessions.client_id,
        sessions.site_id,
        sessions.date,
        {%- for column in dimensions %}
        sessions.{{ column }},
        {%- endfor %}

        -- strings
        {{ revenue_currency('sessions', 'mains') }} as currency,

        -- numbers
        count(*) as sessions,
        count(distinct visitor_id) as visitors,
        count(case when is_engaged then 1 end) as engaged_sessions,
        count(case when is_bounce then 1 end) as bounces,
        {{ ratio('count(case when is_bounce then 1 end)', 'count(*)') }} as bounce_rate,
        cast(sum(page_views) as bigint) as page_views,
        cast(sum(engaged_seconds) as decimal(18, 3)) as engaged_seconds,
        cast(sum(duration_seconds) as decimal(18, 3)) as session_seconds,
        cast(sum(conversions) as bigint) as conversions,
        count(case when conversions > 0 then 1 end) as converted_sessions,
        {{ revenue_total('sessions', 'mains') }} as revenue,
        {{ other_currency_amounts('sessions', 'mains', 'other_currency_amounts') }} as other_currency_amounts

    from sessions
    left join mains
        on sessions.client_id = mains.client_id and sessions.site_id = mains.site_id and sessions.date = mains.date
        {%- for column in dimensions %}
        and sessions.{{ column }} = mains.{{ column }}
        {%- endfor %}
    group by
        sessions.client_id, sessions.site_id, sessions.date
        {%- for column in dimensions %}, sessions.{{ column }}{% endfor %}

)

select * from final
{% endmacro %}
