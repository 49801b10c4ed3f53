{#-
    The incremental strategy of int_events_sessionised: delete+insert that also forgets.

    A plain delete+insert replaces the keys that it is given. An hour that is ingested again may hold fewer
    events than before; those must go too, so every row of the window goes before the new rows come.
-#}
{% macro get_incremental_rebuild_islands_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ received_in_window('received_hour') }};

    delete from {{ arg_dict['target_relation'] }}
    where {{ arg_dict['unique_key'] }} in (
        select {{ arg_dict['unique_key'] }} from {{ arg_dict['temp_relation'] }}
    );

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{% endmacro %}
