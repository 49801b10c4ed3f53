{#-
    The materialisation of every table that an hour makes anew in part: what the run touched goes, what the model made
    comes, in one transaction. The first time, and with --full-refresh, it is the adapter's own table.

    `meta.rebuilt_by` names the macro `rebuild_<name>` that writes the statements, `touched` where it says nothing.
    `find_<name>`, where there is one, writes what goes before the model's own query.
    A materialisation and not an incremental strategy, because dbt's other adapters refuse strategies they do not know.
-#}
{% materialization rebuilt, default %}
    {%- if not is_partial() -%}
        {% do forget_published() %}
        {% do forget_restored() %}
        {%- set made = context['materialization_table_' ~ adapter.type()]() -%}
        {% do drop_kept(compiled_code) %}
        {{ return(made) }}
    {%- endif -%}
    {%- set stored = this.incorporate(type='table') -%}
    {%- set made = make_temp_relation(stored) -%}
    {%- set rule = config.get('meta', {}).get('rebuilt_by', 'touched') -%}
    {%- set find = context.get('find_' ~ rule) -%}
    {%- set columns = stored_columns(stored) %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {#- One call for all: each costs dbt more than most of these statements cost DuckDB. -#}
    {% call statement('main') %}
        {{- find(stored) if find }}
        create or replace temporary table {{ made }} as (
            {{ compiled_code }}
        );
        {{ note_unpublished(made) }}
        {{ context['rebuild_' ~ rule](made, stored, columns) }}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [stored]}) }}
{% endmaterialization %}

{#- Whether this run makes a part of the table: it is there, and no rebuild was asked for. -#}
{% macro is_partial() %}
    {%- if not execute or model.config.materialized != 'rebuilt' or should_full_refresh() or not makes_parts() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set stored = adapter.get_relation(this.database, this.schema, this.identifier) -%}
    {{ return(stored is not none and stored.type == 'table') }}
{% endmacro %}

{#-
    The quoted columns of a model, as its YAML lists them (tests/dbt/test_project.py: all that its query makes). A table
    with another set of them was made by other models: it wants a rebuild, which compares types with the contract as well.
-#}
{% macro stored_columns(stored) %}
    {%- set wanted = model.columns.keys() | list -%}
    {%- set there = adapter.get_columns_in_relation(stored) | map(attribute='name') | list -%}
    {%- if there | sort != wanted | sort -%}
        {{ exceptions.raise_compiler_error(
            'the columns of ' ~ stored.identifier ~ ' have changed: stored are ' ~ there | join(', ')
            ~ '; the model makes ' ~ wanted | join(', ') ~ '. Run `footfall rebuild`.'
        ) }}
    {%- endif -%}
    {{ return(get_quoted_csv(wanted)) }}
{% endmacro %}

{#- The rule of most tables: rows of what was touched, by the grain that the model names. -#}
{% macro rebuild_touched(made, stored, columns) %}
    {%- set grain = config.require('meta')['touched_by'] -%}
    delete from {{ stored }} where {{ among_touched(grain) }};

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};
{% endmacro %}
