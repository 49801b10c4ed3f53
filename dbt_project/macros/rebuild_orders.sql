{#-
    The rule of int_orders: all copies of the orders that a run touched. A copy that begins or ceases to count changes
    its session, which may lie anywhere within the weeks of its order.
-#}
{% macro rebuild_orders(made, stored, columns) %}
    create or replace temp table orders_before as
    select event_key, received_hour, is_repeated from {{ stored }}
    where (client_id, order_key) in (select client_id, order_key from {{ made }})
        or {{ among_touched('session') }};

    create or replace temp table orders_turned as
    select made.client_id, made.site_id, made.session_id, made.date, made.received_hour
    from {{ made }} as made
    left join orders_before as before
        on made.event_key = before.event_key and made.received_hour = before.received_hour
    where made.is_repeated <> coalesce(before.is_repeated, false);

    delete from {{ stored }}
    where (event_key, received_hour) in (select event_key, received_hour from orders_before);

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};

    insert into {{ touched() }} (client_id, site_id, session_id, date, received_hour)
    select client_id, site_id, session_id, date, received_hour from orders_turned;

    insert into {{ touched() }}
    select distinct client_id, site_id, visitor_id, session_id, date, received_hour
    from {{ ref('int_events_sessionised') }}
    where session_id in (select session_id from orders_turned)
        and {{ is_near_touched('date', session_reach(), session_reach()) }};
{% endmacro %}
