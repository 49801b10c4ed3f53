{#- The schema a folder names, as it is: `staging`, `intermediate`; marts and reports live in the target's own. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
