{#- What staging knows of an event and the models carry along, in the order of the tables. -#}
{% macro event_facts() %}
    {{ return([
        'event_key', 'client_id', 'site_id', 'event_id', 'visitor_id', 'previous_visitor_id', 'first_party_session_id',
        'user_id', 'view_id', 'view_key',
        'event_type', 'url', 'host', 'path', 'page', 'page_group', 'title', 'referrer', 'referrer_host', 'referrer_class',
        'referrer_source', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'click_network', 'country', 'region', 'city',
        'language', 'screen', 'viewport', 'device', 'browser', 'browser_version', 'os', 'os_version', 'user_agent', 'bot_class',
        'bot_name', 'bot_signals', 'clock', 'origin', 'method', 'edge_location', 'edge_result', 'enrichment_version', 'currency',
        'order_id', 'props', 'payload', 'learnt', 'view_begun', 'object_key',
        'consent_tier', 'consent_declared', 'revenue', 'engaged_ms', 'scroll_percent', 'lost', 'status', 'time_taken',
        'bytes_sent', 'seq', 'line_number',
        'is_amount_unreadable', 'is_declared_host', 'is_bot', 'is_referrer_spam', 'gpc', 'dnt',
        'occurred_at', 'received_at', 'received_hour',
    ]) }}
{% endmacro %}
