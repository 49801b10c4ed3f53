{#-
    Whether a user agent says of itself that it is no person: the words that crawlers, link previewers, monitors and
    HTTP libraries use. Narrow on purpose: a robot that claims to be a browser is not found, and a missing
    user agent proves nothing. Cubot is a maker of telephones.
-#}
{% macro says_bot(user_agent) -%}
    coalesce(regexp_extract(
        replace(lower({{ user_agent }}), 'cubot', ''),
        '(bot([^a-z]|$)|crawl|spider|slurp|headless|phantomjs|lighthouse|pingdom|uptime|monitoring|facebookexternalhit|bingpreview|python-|python/|curl/|wget/|libwww|java/|go-http-client|scrapy|okhttp|axios|node-fetch)',
        1
    ) <> '', false)
{%- endmacro %}
