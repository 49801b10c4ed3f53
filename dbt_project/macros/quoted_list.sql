{#- A list of names as SQL strings: 'a', 'b'. -#}
{% macro quoted_list(names) -%}
    {%- for name in names -%}
        '{{ name | replace("'", "''") }}'{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
