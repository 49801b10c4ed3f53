{#-
    What DuckDB and Spark write differently, one macro each. Models use these and otherwise keep to SQL that
    both engines read alike, so that a client who outgrows one machine keeps the same models.
-#}

{#- A constant moment from ISO text in UTC. -#}
{% macro utc_timestamp(iso) %}{{ return(adapter.dispatch('utc_timestamp')(iso)) }}{% endmacro %}
{% macro default__utc_timestamp(iso) %}{{ return("cast('" ~ iso ~ "' as timestamptz)") }}{% endmacro %}
{% macro spark__utc_timestamp(iso) %}{{ return("cast('" ~ iso ~ "' as timestamp)") }}{% endmacro %}

{#- Seconds from one moment to another, to the microsecond, as decimal(18, 6): exact, so sums do not depend on order. -#}
{% macro seconds_between(start, end) %}{{ return(adapter.dispatch('seconds_between')(start, end)) }}{% endmacro %}
{% macro default__seconds_between(start, end) -%}
    cast(date_diff('microsecond', {{ start }}, {{ end }}) * 0.000001 as decimal(18, 6))
{%- endmacro %}
{% macro spark__seconds_between(start, end) -%}
    cast(timestampdiff(microsecond, {{ start }}, {{ end }}) * 0.000001 as decimal(18, 6))
{%- endmacro %}

{#- The date that clocks in `timezone` (a name such as Europe/Berlin) show at a moment. -#}
{% macro local_date(moment, timezone) %}{{ return(adapter.dispatch('local_date')(moment, timezone)) }}{% endmacro %}
{% macro default__local_date(moment, timezone) %}{{ return("cast(timezone(" ~ timezone ~ ", " ~ moment ~ ") as date)") }}{% endmacro %}
{% macro spark__local_date(moment, timezone) %}{{ return("cast(from_utc_timestamp(" ~ moment ~ ", " ~ timezone ~ ") as date)") }}{% endmacro %}

{#- A top-level field of JSON text as text; null where missing, or where the text is no JSON. -#}
{% macro json_text(json, field) %}{{ return(adapter.dispatch('json_text')(json, field)) }}{% endmacro %}
{% macro default__json_text(json, field) -%}
    case when json_valid({{ json }}) then json_extract_string({{ json }}, '$.{{ field }}') end
{%- endmacro %}
{% macro spark__json_text(json, field) %}{{ return("get_json_object(" ~ json ~ ", '$." ~ field ~ "')") }}{% endmacro %}

{#- Percent signs and plus signs decoded; the text as it came where that yields no UTF-8. -#}
{% macro url_decoded(text) %}{{ return(adapter.dispatch('url_decoded')(text)) }}{% endmacro %}
{% macro default__url_decoded(text) -%}
    coalesce(try(url_decode(replace({{ text }}, '+', '%20'))), {{ text }})
{%- endmacro %}
{% macro spark__url_decoded(text) -%}
    coalesce(try_url_decode(replace({{ text }}, '+', '%20')), {{ text }})
{%- endmacro %}
