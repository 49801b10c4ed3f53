{#- dbt-spark's own macros, where models need them otherwise. -#}

{#- Steps that are kept come first (macros/kept.sql). -#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') %}
    {{ return(dbt.spark__create_table_as(temporary, relation, after_kept(compiled_code), language)) }}
{% endmacro %}

{#- Types as YAML names them, which are DuckDB's, as Spark does; contracts compare by it. -#}
{% macro spark__get_empty_schema_sql(columns) %}
    {%- set types = {'varchar': 'string', 'timestamptz': 'timestamp', 'integer': 'int'} -%}
    {%- set named = {} -%}
    {%- for name, column in columns.items() -%}
        {%- do named.update({name: dict(column, data_type=types.get(column['data_type'] | lower, column['data_type']))}) -%}
    {%- endfor -%}
    {{ return(default__get_empty_schema_sql(named)) }}
{% endmacro %}

{#- The tests say what is never null; Delta would be told so column by column. -#}
{% macro spark__persist_constraints(relation, model) %}{% endmacro %}
