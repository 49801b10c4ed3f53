{#- What an event is: an act of a person; a report about a view; a request that a log tells of (event_types.sql). -#}

{#- Whether it only describes the view that it names. -#}
{% macro is_passive(event_type='event_type') -%}
    {{ event_type }} in ({{ quoted_list(passive_event_types()) }})
{%- endmacro %}

{#- Whether it says of a visitor that somebody did something. A type that nobody knows is an act. -#}
{% macro is_act(event_type='event_type') -%}
    coalesce({{ event_type }}, '') not in ({{ quoted_list(passive_event_types() + request_event_types()) }})
{%- endmacro %}

{% macro is_request(event_type='event_type') -%}
    {{ event_type }} in ({{ quoted_list(request_event_types()) }})
{%- endmacro %}

{% macro is_purchase(event_type='event_type') -%}
    {{ event_type }} in ({{ quoted_list(purchase_event_types()) }})
{%- endmacro %}

{% macro is_refund(event_type='event_type') -%}
    {{ event_type }} in ({{ quoted_list(refund_event_types()) }})
{%- endmacro %}

{#-
    Whose a view is by its id alone: anybody's where no other view has that id; of its visitor where the page only
    counts (an id of fewer than 16 characters), else an hour would touch all days around it.
-#}
{% macro whose_view() -%}
    case when length(view_id) >= 16 then '' else coalesce(visitor_id, {{ event_key() }}) end
{%- endmacro %}

{#- Days that a report may lie from its view. -#}
{% macro report_days() %}{{ return((var('late_tolerance_hours') | int + 23) // 24) }}{% endmacro %}
