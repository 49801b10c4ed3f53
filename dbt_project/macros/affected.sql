{#-
    The rows of a relation with events that a run makes anew: those of the hours of its window, those that the
    ingest of these hours changed elsewhere, and all of a site whose rules changed.

    The same question is put to staging (what is there now) and to the model itself (what was there before), so
    that nothing that came, moved or vanished is missed. Three selects and not one `or`, because DuckDB then reads
    only the row groups of the window and, mostly, nothing for the two others.
-#}
{% macro affected(relation, columns) -%}
    select {{ columns }} from {{ relation }} as affected
    where {{ received_in_window('received_hour') }}

    union all

    select {{ columns }} from {{ relation }} as affected
    where not {{ received_in_window('received_hour') }}
        and (client_id, event_id) in ({{ changed_events() }})

    union all

    select {{ columns }} from {{ relation }} as affected
    where not {{ received_in_window('received_hour') }}
        and (client_id, event_id) not in ({{ changed_events() }})
        and (client_id, site_id) in ({{ changed_sites() }})
{%- endmacro %}

{% macro changed_events() -%}
    select client_id, event_id from {{ ref('stg_web__changes') }} where {{ received_in_window('changed_in_hour') }}
{%- endmacro %}

{#- Sites whose rules are not those that were last modelled. -#}
{% macro changed_sites() -%}
    select client_id, site_id from {{ ref('stg_web__sites') }}
    where (client_id, site_id, settings) not in (
        select client_id, name, settings from {{ modelled_settings() }} where kind = 'site'
    )
{%- endmacro %}
