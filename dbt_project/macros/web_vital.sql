{#- A measurement of a web_vitals event as a number from 0 to ten minutes; null for other events and for nonsense. -#}
{% macro web_vital(name) -%}
    case
        when event_type = 'web_vitals' and try_cast({{ json_text('props', name) }} as double) between 0 and 600000
            then try_cast({{ json_text('props', name) }} as double)
    end
{%- endmacro %}
