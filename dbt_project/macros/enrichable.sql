{#- Fields of an event that an enrichment may give later. Facts of the visit itself stay as they were received. -#}
{% macro enrichable_fields() %}
    {{ return([
        'title', 'page', 'page_group', 'country', 'region', 'city', 'language', 'device', 'browser', 'browser_version',
        'os', 'os_version', 'bot_class', 'bot_name', 'referrer_class', 'referrer_source', 'user_id', 'is_bot',
    ]) }}
{% endmacro %}
