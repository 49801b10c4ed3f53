{#-
    The query of a report with a row of each currency by site, day and `dimensions`, columns of int_amounts. Amounts are
    turned into the client's reporting currency by the newest rate that its file has up to the day; without one not.
-#}
{% macro revenue_by(dimensions) %}
{%- set keys = ['client_id', 'site_id', 'date'] + dimensions + ['currency'] -%}
with amounts as (

    select * from {{ ref('int_amounts') }}
    where {{ is_touched('day') }}
    {%- if is_partial() %}

    union all

    select * from {{ ref('int_amounts') }}
    where client_id in ({{ changed_rates() }})
        and (client_id, site_id, date) not in (
            select client_id, site_id, date from {{ touched() }}
            where client_id is not null and site_id is not null and date is not null
        )
    {%- endif %}

),

added as (

    select
        {{ keys | join(', ') }},
        cast(coalesce(sum(case when revenue > 0 then revenue end), 0) as decimal(38, 4)) as gross,
        cast(coalesce(sum(case when revenue < 0 then -revenue end), 0) as decimal(38, 4)) as refunds,
        count(case when is_order then 1 end) as orders
    from amounts
    group by {{ keys | join(', ') }}

),

rates as (

    select
        client_id, reporting_currency, currency, rate, date as holds_from,
        lead(date) over (partition by client_id, currency order by date) as holds_until
    from {{ ref('stg_web__exchange_rates') }}

),

reporting as (

    select client_id, max(reporting_currency) as reporting_currency
    from rates
    group by client_id

),

final as (

    select
        -- ids
        {% for key in keys -%}
        added.{{ key }},
        {% endfor %}
        -- strings
        reporting.reporting_currency,

        -- numbers
        added.orders,
        added.gross,
        added.refunds,
        {%- for sum in ('gross', 'refunds') %}
        cast(round(cast(added.{{ sum }} as double) * rates.rate, 4) as decimal(38, 4)) as reporting_{{ sum }}{{ ',' if not loop.last }}
        {%- endfor %}

    from added
    left join reporting on added.client_id = reporting.client_id
    left join rates
        on added.client_id = rates.client_id
        and added.currency = rates.currency
        and added.date >= rates.holds_from
        and (rates.holds_until is null or added.date < rates.holds_until)

)

select * from final
{% endmacro %}

{#- Clients whose rates are not those that were last modelled. -#}
{% macro changed_rates() -%}
    select client_id from {{ ref('stg_web__exchange_rates') }}
    where (client_id, settings) not in (select client_id, settings from {{ modelled_settings() }} where kind = 'rates')
    union
    select client_id from {{ modelled_settings() }}
    where kind = 'rates' and (client_id, settings) not in (select client_id, settings from {{ ref('stg_web__exchange_rates') }})
{%- endmacro %}

{#- The rule of these reports: days that were touched, and all of a client with other rates. -#}
{% macro rebuild_revenue(made, stored, columns) %}
    {{ note_days(stored, 'client_id in (' ~ changed_rates() ~ ')') }}
    delete from {{ stored }} where {{ among_touched('day') }};

    delete from {{ stored }} where client_id in ({{ changed_rates() }});

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};
{% endmacro %}
