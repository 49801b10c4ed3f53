{#-
    Made by `make generate` from footfall/catalogue/columns.py: what an enrichment may give later of an event.
    Facts of the visit itself stay as they were received.
-#}
{% macro enrichable_fields() %}
    {{ return([
        'title', 'user_id', 'country', 'region', 'city', 'language', 'browser', 'browser_version', 'os', 'os_version',
        'device', 'is_bot', 'bot_class', 'bot_name', 'referrer_class', 'referrer_source', 'page', 'page_group'
    ]) }}
{% endmacro %}
