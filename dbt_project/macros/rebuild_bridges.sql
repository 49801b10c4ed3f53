{#-
    The rule of int_session_bridges. Where a bridge came, went or has a touched end, both its ends are
    touched, and the ends of bridges beside it: whether a session is continued depends on whether it continues one.
-#}
{% macro rebuild_bridges(made, stored, columns) %}
    create or replace temp table bridges_beside as
    select session_id, continues_session_id from {{ made }} where continues_session_id is not null
    union
    select session_id, continues_session_id from {{ stored }} where continues_session_id is not null;

    delete from {{ stored }}
    where session_id in (select session_id from {{ touched() }})
        or session_id in (select session_id from {{ made }});

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};

    create or replace temp table sessions_beside as
    select session_id from {{ touched() }} union select session_id from {{ made }};

    {% for step in range(3) %}
    insert into sessions_beside
    select session_id from bridges_beside where continues_session_id in (select session_id from sessions_beside)
    union
    select continues_session_id from bridges_beside where session_id in (select session_id from sessions_beside);
    {% endfor %}

    insert into {{ touched() }}
    select distinct client_id, site_id, visitor_id, session_id, date, received_hour
    from {{ ref('int_events_sessionised') }}
    where session_id in (
            select session_id from sessions_beside except select session_id from {{ touched() }}
        )
        and {{ is_near_touched('date', session_reach(), session_reach()) }};

    -- what belongs to a session by way of another has its days too
    insert into {{ touched() }}
    select changed.client_id, changed.site_id, changed.visitor_id, bridges.continues_session_id, changed.date, changed.received_hour
    from {{ touched() }} as changed
    inner join bridges_beside as bridges on changed.session_id = bridges.session_id;
{% endmacro %}

