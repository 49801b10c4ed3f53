{#-
    The incremental strategy of int_events_sessionised: delete+insert that also forgets, and says what it touched.

    A plain delete+insert replaces the keys that it is given. An hour that is ingested again may hold fewer
    events than before; those must go too, so every row of the window goes before the new rows come.
    A session is touched when a row of it is in the window, or came, went, or changed what later models read.
-#}
{% macro get_incremental_rebuild_islands_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set made = arg_dict['temp_relation'] -%}
    {%- set stored = arg_dict['target_relation'] -%}
    {%- set compared = 'event_key, received_hour, session_id, date, timeout_minutes, is_conversion, enriched_at' -%}
    {%- set told = 'client_id, site_id, visitor_id, session_id, date, received_hour' -%}
    create or replace temp table replaced as
    select {{ compared }}, client_id, site_id, visitor_id
    from {{ stored }}
    where {{ received_in_window('received_hour') }}
        or (event_key, received_hour) in (select event_key, received_hour from {{ made }});

    insert into replaced
    select {{ compared }}, client_id, site_id, visitor_id
    from {{ stored }}
    where {{ received_in_window('received_hour', widened_by_days=deduplication_days()) }}
        and event_key in (select event_key from {{ made }} where {{ received_in_window('received_hour') }})
        and (event_key, received_hour) not in (select event_key, received_hour from replaced);

    create or replace temp table touched_now as
    select session_id from {{ made }}
    where {{ received_in_window('received_hour') }}
        or (client_id, event_id) in (
            select client_id, event_id from {{ ref('stg_web__corrections') }}
            where {{ received_in_window('enriched_at') }}
        )
    union
    select session_id from replaced where {{ received_in_window('received_hour') }}
    union
    select session_id from (select {{ compared }} from {{ made }} except select {{ compared }} from replaced) as came
    union
    select session_id from (select {{ compared }} from replaced except select {{ compared }} from {{ made }}) as went;

    insert into {{ touched() }}
    select {{ told }} from {{ made }} where session_id in (select session_id from touched_now)
    union
    select {{ told }} from replaced where session_id in (select session_id from touched_now);

    -- how many lines an hour holds may change without any session
    insert into {{ touched() }} (received_hour)
    select received_hour from {{ ref('stg_web__hours') }} where {{ received_in_window('received_hour') }};

    delete from {{ stored }}
    where (event_key, received_hour) in (select event_key, received_hour from replaced);

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};
{% endmacro %}
