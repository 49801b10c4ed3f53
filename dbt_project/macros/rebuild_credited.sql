{#-
    The rule of what credits a session's events to its visitor's touches of the days before: as that of sessions, but a
    row is found by its session, because the visitor of an event after midnight is another one.
-#}
{% macro rebuild_credited(made, stored, columns) %}
    delete from {{ stored }} where {{ among_touched('session') }};

    delete from {{ stored }}
    where session_id in ({{ sessions_credited_anew() }})
        and {{ is_near_touched('date', 0, var('attribution_days') | int + 1 + session_reach()) }};

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};
{% endmacro %}

{% macro sessions_credited_anew() -%}
    select session_id from {{ ref('int_sessions') }} where {{ is_credited_anew() }}
    union
    select session_id from {{ ref('int_sessions') }} where {{ among_touched('session') }}
{%- endmacro %}
