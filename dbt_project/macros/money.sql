{#-
    Money of several rows. A sum holds the amounts of one currency, the group's main one; how many amounts have
    another is a column beside it, and `revenue_daily` has a row of each. An amount without a currency counts as in
    the main one. `amounts`: the rows; `mains`: the main currencies joined to them (main_currencies).
    decimal(38, 4), so that no claim of a client, however large, overflows the sum.
-#}
{% macro revenue_total(amounts, mains) -%}
    cast(
        coalesce(sum(
            case when {{ amounts }}.currency is null or {{ amounts }}.currency = {{ mains }}.main_currency then {{ amounts }}.revenue end
        ), 0) as decimal(38, 4)
    )
{%- endmacro %}

{% macro revenue_currency(amounts, mains) -%}
    case when count({{ amounts }}.revenue) > 0 then max({{ mains }}.main_currency) end
{%- endmacro %}

{#- Amounts, or rows of amounts, in another currency. `already`: those that the rows have left out themselves. -#}
{% macro other_currency_amounts(amounts, mains, already='') -%}
    cast(
        count(case when {{ amounts }}.currency <> {{ mains }}.main_currency then {{ amounts }}.revenue end)
        {{ '+ coalesce(sum(' ~ amounts ~ '.' ~ already ~ '), 0)' if already }} as bigint
    )
{%- endmacro %}

{#-
    A query for the main currency of each group of `keys`: the site's own, where its file names one, else that of most
    amounts; of as many, the first by name. `site_currency`: the column, or null.
-#}
{% macro main_currencies(relation, keys, site_currency='cast(null as string)') -%}
    select
        {{ keys }},
        coalesce(
            max(site_currency),
            substr(min(case when currency is not null then concat(lpad(cast(999999999999 - amounts as string), 12, '0'), currency) end), 13)
        ) as main_currency
    from (
        select {{ keys }}, currency, count(*) as amounts, max({{ site_currency }}) as site_currency
        from {{ relation }}
        where revenue is not null and (currency is not null or {{ site_currency }} is not null)
        group by {{ keys }}, currency
    ) as by_currency
    group by {{ keys }}
{%- endmacro %}

{#- The id that an event gives the order it is about; null where there is none, or what templates write for none. -#}
{% macro order_id() -%}
    {%- set said -%}
    trim(coalesce(
        {{ json_text('props', 'order_id') }}, {{ json_text('props', 'transaction_id') }}, {{ json_text('props', 'orderId') }},
        {{ json_text('props', 'order') }}
    ))
    {%- endset -%}
    case
        when position('"order' in props) > 0 or position('"transaction_id"' in props) > 0
            then nullif(regexp_replace({{ said }}, '(?i)^(null|undefined|none|nan|false|true|0|[(]not set[)]|([{]|{{ bracket_pattern() }}).*)$', ''), '')
    end
{%- endmacro %}
