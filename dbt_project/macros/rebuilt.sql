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
    {%- set made = adapter.dispatch('made_relation', 'footfall')(stored) -%}
    {%- set rule = config.get('meta', {}).get('rebuilt_by', 'touched') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set find = context.get('find_' ~ rule) -%}
    {%- if find or rule == 'bridges' %}
        {#- It reads stored columns, which an earlier program may not have made. -#}
        {% do require_columns(stored, model.columns.keys() | list) %}
    {%- endif %}
    {%- if find %}
        {% call statement('find') %}{{ find(stored) }}{% endcall %}
    {%- endif %}
    {% call statement('make') %}{{ create_table_as(True, made, compiled_code) }}{% endcall %}
    {%- set columns = same_columns(made, stored) %}
    {% call statement('main') %}{{ note_unpublished(made) }}{{ context['rebuild_' ~ rule](made, stored, columns) }}{% endcall %}

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

{#- Where what a model made waits: a table of the connection, which goes with it. -#}
{% macro default__made_relation(stored) %}
    {{ return(make_temp_relation(stored)) }}
{% endmacro %}

{#- The quoted columns, in their stored order. Another set of columns is a change of the model: it wants a rebuild. -#}
{% macro same_columns(made, stored) %}
    {%- set there = adapter.get_columns_in_relation(stored) | map(attribute='name') | list -%}
    {%- set here = adapter.get_columns_in_relation(made) | map(attribute='name') | list -%}
    {% do require_columns(stored, here) %}
    {{ return(get_quoted_csv(there)) }}
{% endmacro %}

{% macro require_columns(stored, wanted) %}
    {%- set there = adapter.get_columns_in_relation(stored) | map(attribute='name') | list -%}
    {%- if there | sort != wanted | sort -%}
        {{ exceptions.raise_compiler_error(
            'the columns of ' ~ stored.identifier ~ ' have changed: stored are ' ~ there | join(', ')
            ~ '; the model makes ' ~ wanted | join(', ') ~ '. Run `footfall rebuild`.'
        ) }}
    {%- endif -%}
{% endmacro %}

{#- The rule of most tables: rows of what was touched, by the grain that the model names. -#}
{% macro rebuild_touched(made, stored, columns) %}
    {%- set grain = config.require('meta')['touched_by'] -%}
    delete from {{ stored }} where {{ among_touched(grain) }};

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};
{% endmacro %}
