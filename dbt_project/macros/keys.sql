{#- One kept event of one client. Clients choose event ids, so two clients may choose the same. -#}
{% macro event_key(client_id='client_id', event_id='event_id') -%}
    md5(concat({{ client_id }}, '|', {{ event_id }}))
{%- endmacro %}

{#-
    The one rule of session ids: client, site, visitor and the first event. It changes only for the session
    whose first event changed; a running number would rename every later session of the visitor.
-#}
{% macro session_id(client_id, site_id, visitor_id, first_event) -%}
    md5(concat({{ client_id }}, '|', {{ site_id }}, '|', coalesce({{ visitor_id }}, ''), '|', {{ first_event }}))
{%- endmacro %}

{#-
    A first event's part of it: its id and its UTC date. An id that comes again a week later is another event, and
    begins another session.
-#}
{% macro first_event(event_id, occurred_at) -%}
    concat({{ event_id }}, '|', cast({{ utc_date(occurred_at) }} as string))
{%- endmacro %}
