{#-
    The rule of int_session_bridges. Where a bridge came, went or has a touched end, both its ends are
    touched, and the ends of bridges beside it: whether a session is continued depends on whether it continues one.
    A link of a consent that is no more only goes (macros/consent_links.sql).
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
    select {{ columns }} from {{ made }}
    where continues_session_id is not null or claimed_visitor_id is null;

    -- another claim of the same hash may lie days away
    insert into {{ touched() }} (client_id, site_id, date)
    select distinct client_id, site_id, claimed_on from {{ made }} where claimed_on is not null;

    create or replace temp table sessions_beside as
    select session_id from {{ touched() }} union select session_id from {{ made }};

    {% for step in range(4) %}
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

    -- what belongs to a session by way of another, or of two, has its days too
    {% for step in range(2) %}
    insert into {{ touched() }}
    select distinct changed.client_id, changed.site_id, changed.visitor_id, bridges.continues_session_id, changed.date, changed.received_hour
    from {{ touched() }} as changed
    inner join bridges_beside as bridges on changed.session_id = bridges.session_id;
    {% endfor %}
{% endmacro %}

