{#-
    Local days, by the table that ingest makes of the time zone database (stg_web__zone_days). Nobody names a zone to
    the engine, which has a database of its own: a row is found by equality, and times are only added to. What has no
    row is of UTC.
-#}

{#- Joins what a zone does on a date: of a moment its date in UTC, of a local day its own. -#}
{% macro join_zone_days(days, timezone, date) -%}
    left join {{ ref('stg_web__zone_days') }} as {{ days }}
        on {{ days }}.zone = {{ timezone }} and {{ days }}.date = {{ date }}
{%- endmacro %}

{#- What clocks show at a moment, as a time without a zone. -#}
{% macro local_time(moment, days) -%}
    {{ shown_ahead(moment, 'coalesce(case when ' ~ moment ~ ' < ' ~ days ~ '.changes_at then ' ~ days ~ '.offset_before else ' ~ days ~ '.offset_after end, 0)') }}
{%- endmacro %}

{#- The local day of a moment: the date that clocks show, but no day ends by clocks that are put back. -#}
{% macro local_date(moment, days) -%}
    greatest(
        cast({{ local_time(moment, days) }} as date),
        case when {{ days }}.changes_at is null or {{ moment }} >= {{ days }}.changes_at then {{ days }}.least_date end
    )
{%- endmacro %}

{#- Where a local day begins. -#}
{% macro day_start(date, days) -%}
    coalesce({{ days }}.starts_at, {{ utc_midnight(date) }})
{%- endmacro %}
