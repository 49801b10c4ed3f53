{#- Parts of an absolute URL by regular expression: the same text on DuckDB (RE2) and Spark (Java). -#}

{#- Host in lower case without port, user or final dot; null where the text is no URL. -#}
{% macro url_host(url) -%}
    nullif(regexp_extract(lower({{ url }}), '^[a-z][a-z0-9+.-]*://([^/?#@]*@)?([^/?#:@]*[^/?#:@.])', 2), '')
{%- endmacro %}

{#- Host of a referrer, which some tools write without its scheme: `chatgpt.com`. -#}
{% macro referrer_host(referrer) -%}
    coalesce(
        {{ url_host(referrer) }},
        nullif(regexp_extract(lower({{ referrer }}), '^([a-z0-9-]+([.][a-z0-9-]+)*[.][a-z][a-z]+)(/.*)?$', 1), '')
    )
{%- endmacro %}

{#- Path with its leading slash, case kept, without query and fragment; `/` where there is none. -#}
{% macro url_path(url) -%}
    case
        when {{ url }} is null then null
        else coalesce(nullif(regexp_extract({{ url }}, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1), ''), '/')
    end
{%- endmacro %}

{#- Query without its question mark and without the fragment; empty where there is none. -#}
{% macro url_query(url) -%}
    regexp_extract({{ url }}, '^[^?#]*[?]([^#]*)', 1)
{%- endmacro %}

{#- First value of a parameter of a query, decoded and trimmed; null where missing or empty. -#}
{% macro query_parameter(query, name) -%}
    nullif(trim({{ url_decoded("regexp_extract(" ~ query ~ ", '(?i)(^|&)" ~ name ~ "=([^&]*)', 2)") }}), '')
{%- endmacro %}

{#- A host without the label that only says how the page was served: www.a.example and m.a.example are a.example. -#}
{% macro plain_host(host) -%}
    regexp_replace({{ host }}, '^(www|m|mobile|amp|l|old)[.]', '')
{%- endmacro %}

{#-
    What an engagement event measured, within what is possible; null where it says nothing. Pages send it as a
    property; some libraries as a field of the event.
-#}
{% macro engagement_number(field, lowest, highest) -%}
    {%- set number -%}
    floor(try_cast(coalesce({{ json_text('props', field) }}, {{ json_text('payload', field) }}) as double))
    {%- endset -%}
    case
        when {{ number }} < {{ lowest }} then cast({{ lowest }} as bigint)
        when {{ number }} > {{ highest }} then cast({{ highest }} as bigint)
        else cast({{ number }} as bigint)
    end
{%- endmacro %}
