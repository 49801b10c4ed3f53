{#-
    The one filter on the hours of a run: half-open, [start, end), on the receipt clock.

    FOOTFALL_WINDOW_START and FOOTFALL_WINDOW_END are whole hours in UTC, ISO 8601 (2026-11-20T14:00:00Z).
    Without both, and in a full refresh, everything is in the window: a full refresh of one hour would
    drop all others.
-#}
{% macro received_in_window(column='received_hour') -%}
    {%- set window = received_window() -%}
    {%- if window is none -%}
        true
    {%- else -%}
        ({{ column }} >= {{ utc_timestamp(window[0]) }} and {{ column }} < {{ utc_timestamp(window[1]) }})
    {%- endif -%}
{%- endmacro %}

{#- (start, end) as ISO text, or none for everything. -#}
{% macro received_window() %}
    {#- Not read while parsing: a variable read there would re-parse its models at every new hour. -#}
    {% if not execute or flags.FULL_REFRESH %}{{ return(none) }}{% endif %}
    {% set start = env_var('FOOTFALL_WINDOW_START', '') %}
    {% set end = env_var('FOOTFALL_WINDOW_END', '') %}
    {% if not start and not end %}{{ return(none) }}{% endif %}
    {% if not makes_parts() %}
        {{ exceptions.raise_compiler_error("Spark makes whole tables alone: run with --full-refresh, or without FOOTFALL_WINDOW_START and FOOTFALL_WINDOW_END") }}
    {% endif %}
    {% set whole_hour = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:00:00(Z|\\+00:00)$' %}
    {% if not modules.re.match(whole_hour, start) or not modules.re.match(whole_hour, end) or start[:13] >= end[:13] %}
        {{ exceptions.raise_compiler_error(
            "FOOTFALL_WINDOW_START=" ~ start ~ " and FOOTFALL_WINDOW_END=" ~ end ~ ": expected two whole hours in UTC, "
            ~ "the first before the second, such as 2026-11-20T14:00:00Z and 2026-11-20T15:00:00Z"
        ) }}
    {% endif %}
    {{ return((start[:13] ~ ':00:00Z', end[:13] ~ ':00:00Z')) }}
{% endmacro %}
