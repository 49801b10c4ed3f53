{#-
    Steps of a query that are computed once where they are read several times. DuckDB does so by itself; Spark computes
    a step anew for each time that it is named, and those that it is made of with it, so there a step that is kept is a
    table, gone when its model is made. What a run leaves behind that died lies in schema `scratch`.
-#}

{#- Says of the step before it that it is kept. What follows names no step from before it but those that are kept. -#}
{% macro kept(step) %}{{ return(adapter.dispatch('kept')(step)) }}{% endmacro %}
{% macro default__kept(step) %}{{ return('') }}{% endmacro %}
{% macro spark__kept(step) %}{{ return('/* kept: ' ~ step ~ ' */') }}{% endmacro %}

{#- Where a step of this model lies, by the name of the run. -#}
{% macro place_of_kept(step) %}
    {{ return(relation_in('scratch', model.name ~ '_' ~ step ~ '_' ~ invocation_id | replace('-', ''))) }}
{% endmacro %}

{#- The query apart: what is before the first mark, the step that it names, what is before the second, and so on. -#}
{% macro at_kept(query) %}{{ return(modules.re.split('/[*] kept: ([a-z_]+) [*]/', query)) }}{% endmacro %}

{#- The query without its kept steps, which are made. -#}
{% macro after_kept(query) %}
    {%- set parts = at_kept(query) -%}
    {%- set steps = [] -%}
    {%- for n in range(1, parts | length, 2) %}
        {%- set made = place_of_kept(parts[n]) -%}
        {%- set before = with_steps(steps, parts[n - 1] | trim | trim(',')) -%}
        {%- do run_query('create table ' ~ made ~ stored_as() ~ ' as ' ~ before ~ ' select * from ' ~ parts[n]) %}
        {%- do steps.append(parts[n] ~ ' as (select * from ' ~ made ~ ')') %}
    {%- endfor %}
    {{- return(with_steps(steps, parts[-1])) }}
{% endmacro %}

{%- macro with_steps(steps, rest) -%}
    {{ return(('with ' ~ steps | join(', ') ~ ', ' ~ rest) if steps else rest) }}
{%- endmacro -%}

{% macro drop_kept(query) %}
    {%- set parts = at_kept(query) -%}
    {%- for n in range(1, parts | length, 2) %}
        {%- do run_query('drop table if exists ' ~ place_of_kept(parts[n])) %}
    {%- endfor %}
{% endmacro %}
