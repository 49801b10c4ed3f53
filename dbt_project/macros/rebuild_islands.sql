{#-
    The rule of int_events_sessionised: delete+insert that also forgets, and says what it touched.

    A plain delete+insert replaces the keys that it is given. An hour that is ingested again may hold fewer
    events than before; those must go too, so every row of the window goes before the new rows come.
    A session is touched when an affected event is or was in it (macros/affected.sql), and when an event that
    only lies near one came to it or left it, or ceased to lengthen it. `outdated`: macros/touched_islands.sql.
-#}
{% macro rebuild_islands(made, stored, columns) %}
    {%- set compared = 'event_key, received_hour, session_id, date, lasts_until' -%}
    {%- set told = 'client_id, site_id, visitor_id, session_id, date, received_hour' -%}
    create or replace temp table replaced as
    select {{ compared }}, client_id, site_id, visitor_id, event_id, previous_visitor_id, consent_tier
    from {{ stored }}
    where (event_key, received_hour) in (
        select event_key, received_hour from outdated union select event_key, received_hour from {{ made }}
    );

    create or replace temp table touched_now as
    {%- for rows in (made, 'replaced') %}
    {{ 'union' if not loop.first }}
    select session_id from {{ rows }}
    where {{ received_in_window('received_hour') }}
        or (client_id, event_id) in ({{ changed_events() }})
        or (client_id, site_id) in ({{ changed_sites() }})
    {%- endfor %}
    union
    select session_id from (select {{ compared }} from {{ made }} except select {{ compared }} from replaced) as came
    union
    select session_id from (select {{ compared }} from replaced except select {{ compared }} from {{ made }}) as went;

    insert into {{ touched() }}
    select {{ told }} from {{ made }} where session_id in (select session_id from touched_now)
    union
    select {{ told }} from replaced where session_id in (select session_id from touched_now)
    union
    -- requests, and reports that no session has
    select {{ told }} from {{ made }} where session_id is null
    union
    select {{ told }} from replaced where session_id is null;

    -- a claim concerns the visitor that it is about
    insert into {{ touched() }} (client_id, site_id, visitor_id, date)
    {%- for rows in (made, 'replaced') %}
    {{ 'union' if not loop.first }}
    select client_id, site_id, previous_visitor_id, date from {{ rows }} where {{ is_claim() }}
    {%- endfor %};

    -- how many lines an hour holds may change without any session
    insert into {{ touched() }} (received_hour)
    select received_hour from {{ ref('stg_web__hours') }} where {{ received_in_window('received_hour') }};

    delete from {{ stored }}
    where (event_key, received_hour) in (select event_key, received_hour from replaced);

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};
{% endmacro %}
