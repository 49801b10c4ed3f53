{#-
    Days whose figures are frozen: events of the days that they were made of are gone (docs/lifecycle.md), so no run
    computes them any more. They lie in schema `frozen`, from the lake.

    A report leaves frozen days out of what it makes anew. Where a table is made whole, by a rebuild or on a new
    machine, what a run computes of them is replaced by what is frozen, after the run (orchestration/modelling/
    frozen.py); `intermediate.restored` says of which tables that was done.
-#}
{% macro is_figure() %}{{ return(execute and 'reports' in model.fqn) }}{% endmacro %}

{#- Whether the figures of a row's day are computed. -#}
{% macro is_computed(alias) -%}
    not exists (
        select 1 from {{ ingested('horizons') }} as horizons
        where horizons.client_id = {{ alias }}.client_id and {{ alias }}.date < horizons.frozen_until
    )
{%- endmacro %}

{% macro create_restored() %}
    create table if not exists {{ unpublished('restored') }} (model string, client_id string, number bigint){{ stored_as() }};
{% endmacro %}

{#- A table that was made whole: frozen days of it are not what is frozen. Where tables are never made in part, none are. -#}
{% macro forget_restored() %}
    {%- if makes_parts() %}
    {% call statement('forget_restored') %}delete from {{ unpublished('restored') }} where model = '{{ model.name }}'{% endcall %}
    {%- endif %}
{% endmacro %}

{#- What the first visit of a visitor was, by what is carried of it where its events are gone. -#}
{% macro first_of(column, computed) -%}
    case when max(carried.first_seen_at) is not null then max(carried.{{ column }}) else {{ computed }} end
{%- endmacro %}
