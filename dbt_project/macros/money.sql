{#-
    Money of several events. Amounts in different currencies are not added: where there is more than one, both
    columns are null and the rows of `events` tell. An amount without a currency counts as in the others' one.
    decimal(38, 4), so that no claim of a client, however large, overflows the sum.
-#}
{% macro revenue_total() -%}
    cast(
        case when count(distinct currency) <= 1 then coalesce(sum(revenue), 0) end as decimal(38, 4)
    )
{%- endmacro %}

{% macro revenue_currency() -%}
    case when count(distinct currency) = 1 then max(currency) end
{%- endmacro %}
