{#- How tables are named and made where DuckDB and Spark differ, one macro each. -#}

{#- A relation that is no model of the project, in a schema of its own. -#}
{% macro relation_in(schema, name) %}{{ return(adapter.dispatch('relation_in')(schema, name)) }}{% endmacro %}
{% macro default__relation_in(schema, name) %}{{ return(api.Relation.create(database=target.database, schema=schema, identifier=name)) }}{% endmacro %}
{% macro spark__relation_in(schema, name) %}{{ return(api.Relation.create(schema=schema, identifier=name)) }}{% endmacro %}

{#- The type of a moment. -#}
{% macro moment_type() %}{{ return(adapter.dispatch('moment_type')()) }}{% endmacro %}
{% macro default__moment_type() %}{{ return('timestamptz') }}{% endmacro %}
{% macro spark__moment_type() %}{{ return('timestamp') }}{% endmacro %}

{#- What follows the columns of a table that is made empty: how it is stored. -#}
{% macro stored_as() %}{{ return(adapter.dispatch('stored_as')()) }}{% endmacro %}
{% macro default__stored_as() %}{{ return('') }}{% endmacro %}
{% macro spark__stored_as() %}{{ return(' using ' ~ env_var('FOOTFALL_SPARK_TABLES', 'iceberg')) }}{% endmacro %}

{#-
    Whether a run may make a part of a table anew. Spark commits each statement by itself, so that a run which dies
    between a DELETE and its INSERT would leave a hole: there tables are made whole.
-#}
{% macro makes_parts() %}{{ return(adapter.dispatch('makes_parts')()) }}{% endmacro %}
{% macro default__makes_parts() %}{{ return(true) }}{% endmacro %}
{% macro spark__makes_parts() %}{{ return(false) }}{% endmacro %}

{#- A table without its rows. Spark deletes from some formats of tables alone, and empties all. -#}
{% macro emptied(relation) %}{{ return(adapter.dispatch('emptied')(relation)) }}{% endmacro %}
{% macro default__emptied(relation) %}{{ return('delete from ' ~ relation) }}{% endmacro %}
{% macro spark__emptied(relation) %}{{ return(('delete from ' if target.name == 'sail' else 'truncate table ') ~ relation) }}{% endmacro %}

{#- Several statements, each with its semicolon, where one is awaited: Spark takes one at a time. -#}
{% macro statements(text) %}{{ return(adapter.dispatch('statements')(text)) }}{% endmacro %}
{% macro default__statements(text) %}{{ return(text) }}{% endmacro %}
{% macro spark__statements(text) %}
    {%- if execute %}
        {%- for part in modules.re.sub('--[^\n]*', '', text).split(';') if part | trim %}
            {%- do run_query(part) %}
        {%- endfor %}
    {%- endif %}
    {{- return('') }}
{% endmacro %}

{#- Schemas beside those of models. -#}
{% macro create_schemas() %}{{ return(adapter.dispatch('create_schemas')()) }}{% endmacro %}
{% macro default__create_schemas() %}{{ return('create schema if not exists intermediate;') }}{% endmacro %}
{% macro spark__create_schemas() %}
    {%- do received_window() -%}   {#- refused before anything is made -#}
    {{- return('create schema if not exists intermediate; create schema if not exists scratch;') }}
{% endmacro %}
