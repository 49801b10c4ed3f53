{#- Made by `make generate` from footfall/catalogue/event_types.py: what no act is, a purchase, a refund. -#}
{% macro passive_event_types() %}{{ return(['engagement', 'web_vitals', 'consent', 'heartbeat', 'page_ping', 'user_engagement']) }}{% endmacro %}
{% macro request_event_types() %}{{ return(['request']) }}{% endmacro %}
{% macro purchase_event_types() %}{{ return(['purchase', 'purchase_completed', 'order_completed']) }}{% endmacro %}
{% macro refund_event_types() %}{{ return(['refund', 'order_refunded', 'purchase_refunded']) }}{% endmacro %}
