{#-
    The one order of events: when they happened; within a moment as they happened. What has no number of its page
    (a line of a log, an event of a server) comes first; then by the beginning of the view, which the pixel's ids of
    views say themselves, and by the number; then as they were received and written. The id decides only between
    copies of one line. Positions (`object_key`, `line_number`) are those of the object that ingest read first.
-#}
{% macro event_order(alias='', direction='') -%}
    {%- for column in ['occurred_at', 'view_begun', 'seq', 'received_at', 'object_key', 'line_number', 'event_id'] -%}
        {{ alias ~ '.' if alias }}{{ column }}{{ ' ' ~ direction if direction }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
