{#- One number for each of another, rounded; null where the other is 0. -#}
{% macro ratio(numerator, denominator, digits=4) -%}
    round(cast({{ numerator }} as double) / nullif({{ denominator }}, 0), {{ digits }})
{%- endmacro %}
