{#-
    What DuckDB and Spark write differently, one macro each. DuckDB's own arithmetic on moments asks a calendar at
    each row, twenty to sixty times as slow as microseconds. Models use these and otherwise keep to SQL that
    both engines read alike, so that a client who outgrows one machine keeps the same models.
-#}

{#- Fails where a row comes to it, with a text and a value of the row. -#}
{% macro failure(said, value) %}{{ return(adapter.dispatch('failure')(said, value)) }}{% endmacro %}
{% macro default__failure(said, value) %}{{ return("error(concat(" ~ said ~ ", cast(" ~ value ~ " as varchar)))") }}{% endmacro %}
{% macro spark__failure(said, value) %}{{ return("raise_error(concat(" ~ said ~ ", cast(" ~ value ~ " as string)))") }}{% endmacro %}

{#- A constant moment from ISO text in UTC. -#}
{% macro utc_timestamp(iso) %}{{ return(adapter.dispatch('utc_timestamp')(iso)) }}{% endmacro %}
{% macro default__utc_timestamp(iso) %}{{ return("cast('" ~ iso ~ "' as timestamptz)") }}{% endmacro %}
{% macro spark__utc_timestamp(iso) %}{{ return("cast('" ~ iso ~ "' as timestamp)") }}{% endmacro %}

{#- Seconds from one moment to another, to the microsecond, as decimal(18, 6): exact, so sums do not depend on order. -#}
{% macro seconds_between(start, end) %}{{ return(adapter.dispatch('seconds_between')(start, end)) }}{% endmacro %}
{% macro default__seconds_between(start, end) -%}
    cast((epoch_us({{ end }}) - epoch_us({{ start }})) * 0.000001 as decimal(18, 6))
{%- endmacro %}
{% macro spark__seconds_between(start, end) -%}
    cast((unix_micros({{ end }}) - unix_micros({{ start }})) * 0.000001 as decimal(18, 6))
{%- endmacro %}

{#- How many whole spans of so many seconds fit between two moments; below one where the end is before the start. -#}
{% macro whole_spans_between(start, end, seconds) %}{{ return(adapter.dispatch('whole_spans_between')(start, end, seconds)) }}{% endmacro %}
{% macro default__whole_spans_between(start, end, seconds) -%}
    floor((epoch_us({{ end }}) - epoch_us({{ start }})) / {{ seconds * 1000000 }})
{%- endmacro %}
{% macro spark__whole_spans_between(start, end, seconds) -%}
    floor((unix_micros({{ end }}) - unix_micros({{ start }})) / {{ seconds * 1000000 }})
{%- endmacro %}

{#- A moment some minutes later; `minutes` is a column or a number. -#}
{% macro minutes_later(moment, minutes) %}{{ return(adapter.dispatch('minutes_later')(moment, minutes)) }}{% endmacro %}
{% macro default__minutes_later(moment, minutes) %}{{ return("make_timestamptz(epoch_us(" ~ moment ~ ") + 60000000 * cast(" ~ minutes ~ " as bigint))") }}{% endmacro %}
{% macro spark__minutes_later(moment, minutes) %}{{ return("timestampadd(minute, " ~ minutes ~ ", " ~ moment ~ ")") }}{% endmacro %}

{#- A date some days later, or earlier where `days` is negative. -#}
{% macro days_later(date, days) %}{{ return(adapter.dispatch('days_later')(date, days)) }}{% endmacro %}
{% macro default__days_later(date, days) %}{{ return("cast(" ~ date ~ " + " ~ days ~ " * interval '1 day' as date)") }}{% endmacro %}
{% macro spark__days_later(date, days) %}{{ return("date_add(" ~ date ~ ", " ~ days ~ ")") }}{% endmacro %}

{#- Whole weeks from one Monday to another. -#}
{% macro weeks_between(start, end) %}{{ return(adapter.dispatch('weeks_between')(start, end)) }}{% endmacro %}
{% macro default__weeks_between(start, end) %}{{ return("cast(floor(date_diff('day', " ~ start ~ ", " ~ end ~ ") / 7) as integer)") }}{% endmacro %}
{% macro spark__weeks_between(start, end) %}{{ return("cast(floor(datediff(" ~ end ~ ", " ~ start ~ ") / 7) as integer)") }}{% endmacro %}

{#- The date of UTC that a moment lies in. -#}
{% macro utc_date(moment) %}{{ return(adapter.dispatch('utc_date')(moment)) }}{% endmacro %}
{% macro default__utc_date(moment) %}{{ return("cast(make_timestamp(epoch_us(" ~ moment ~ ")) as date)") }}{% endmacro %}
{% macro spark__utc_date(moment) %}{{ return("cast(" ~ moment ~ " as date)") }}{% endmacro %}

{#- What a clock shows that is so many seconds ahead of UTC, as a time without a zone. -#}
{% macro shown_ahead(moment, seconds) %}{{ return(adapter.dispatch('shown_ahead')(moment, seconds)) }}{% endmacro %}
{% macro default__shown_ahead(moment, seconds) %}{{ return("make_timestamp(epoch_us(" ~ moment ~ ") + 1000000 * " ~ seconds ~ ")") }}{% endmacro %}
{% macro spark__shown_ahead(moment, seconds) %}{{ return("timestampadd(second, " ~ seconds ~ ", " ~ moment ~ ")") }}{% endmacro %}

{#- The hour, 0 to 23, of a time. -#}
{% macro hour_of(time) %}{{ return(adapter.dispatch('hour_of')(time)) }}{% endmacro %}
{% macro default__hour_of(time) %}{{ return("cast(date_part('hour', " ~ time ~ ") as integer)") }}{% endmacro %}
{% macro spark__hour_of(time) %}{{ return("hour(" ~ time ~ ")") }}{% endmacro %}

{#- The day of the week of a time: 1 is Monday, 7 Sunday. -#}
{% macro weekday_of(time) %}{{ return(adapter.dispatch('weekday_of')(time)) }}{% endmacro %}
{% macro default__weekday_of(time) %}{{ return("cast(date_part('isodow', " ~ time ~ ") as integer)") }}{% endmacro %}
{% macro spark__weekday_of(time) %}{{ return("weekday(" ~ time ~ ") + 1") }}{% endmacro %}

{#- The first moment of a date in UTC. -#}
{% macro utc_midnight(date) %}{{ return(adapter.dispatch('utc_midnight')(date)) }}{% endmacro %}
{% macro default__utc_midnight(date) %}{{ return("cast(" ~ date ~ " as timestamptz)") }}{% endmacro %}
{% macro spark__utc_midnight(date) %}{{ return("cast(" ~ date ~ " as timestamp)") }}{% endmacro %}

{#- A top-level field of JSON text as text; null where missing, or where the text is no JSON. -#}
{% macro json_text(json, field) %}{{ return(adapter.dispatch('json_text')(json, field)) }}{% endmacro %}
{% macro default__json_text(json, field) -%}
    case when json_valid({{ json }}) then json_extract_string({{ json }}, '$.{{ field }}') end
{%- endmacro %}
{% macro spark__json_text(json, field) %}{{ return("get_json_object(" ~ json ~ ", '$." ~ field ~ "')") }}{% endmacro %}

{#- A member of JSON text by a name that is a column, likewise. -#}
{% macro json_member(json, name) %}{{ return(adapter.dispatch('json_member')(json, name)) }}{% endmacro %}
{% macro default__json_member(json, name) -%}
    case when json_valid({{ json }}) then json_extract_string({{ json }}, concat('/', replace(replace({{ name }}, '~', '~0'), '/', '~1'))) end
{%- endmacro %}
{% macro spark__json_member(json, name) %}{{ return("get_json_object(" ~ json ~ ", concat('$.', " ~ name ~ "))") }}{% endmacro %}

{#- Joins the members of JSON text as rows of `members`, with name and value; none where it is no object. -#}
{% macro join_json_members(json, members) %}{{ return(adapter.dispatch('join_json_members')(json, members)) }}{% endmacro %}
{% macro default__join_json_members(json, members) -%}
    cross join (select key as name, value from json_each(case when json_valid({{ json }}) then {{ json }} end)) as {{ members }}
{%- endmacro %}
{% macro spark__join_json_members(json, members) -%}
    {%- if target.name == 'sail' -%}
    {#- It takes no variant apart row by row: a text is what has its quote in the normal form. -#}
    {%- set quoted = "substr(to_json(map('', said)), 5, length(to_json(map('', said))) - 5)" -%}
    lateral view explode(from_json({{ json }}, 'map<string,string>')) as name, said
    lateral view explode(array(case
        when said is null then 'null'
        when position(concat({{ json_name('name') }}, '"') in to_json(try_parse_json({{ json }}))) > 0 then {{ quoted }}
        else said
    end)) as value
    {%- else -%}
    cross join lateral (select key as name, to_json(value) as value from variant_explode(try_parse_json({{ json }}))) as {{ members }}
    {%- endif -%}
{%- endmacro %}

{#- JSON text of an object with a member of each row, in the order of names. `value`: JSON. -#}
{% macro json_object_of(name, value) %}{{ return(adapter.dispatch('json_object_of')(name, value)) }}{% endmacro %}
{% macro default__json_object_of(name, value) -%}
    concat('{', array_to_string(array_agg(concat(to_json({{ name }}), ':', {{ value }}) order by {{ name }}), ','), '}')
{%- endmacro %}
{% macro spark__json_object_of(name, value) -%}
    concat('{', array_join(transform(sort_array(collect_list(named_struct('name', {{ name }}, 'member', concat({{ json_name(name) }}, {{ value }})))), each -> each.member), ','), '}')
{%- endmacro %}
{#- A name with quotes and colon, as in an object of one member: Spark's to_json takes no text alone. -#}
{% macro json_name(name) %}{{ return("substr(to_json(map(" ~ name ~ ", '')), 2, length(to_json(map(" ~ name ~ ", ''))) - 4)") }}{% endmacro %}

{#- Whether a top-level field of JSON text is a text itself, and no number; null likewise. -#}
{% macro json_is_text(json, field) %}{{ return(adapter.dispatch('json_is_text')(json, field)) }}{% endmacro %}
{% macro default__json_is_text(json, field) -%}
    case when json_valid({{ json }}) then json_type({{ json }}, '$.{{ field }}') = 'VARCHAR' end
{%- endmacro %}
{% macro spark__json_is_text(json, field) -%}
    {%- if target.name == 'sail' -%}
    {#- It makes no text of a number. -#}
    try_variant_get(try_parse_json({{ json }}), '$.{{ field }}', 'string') is not null
    {%- else -%}
    schema_of_variant(try_variant_get(try_parse_json({{ json }}), '$.{{ field }}', 'variant')) = 'STRING'
    {%- endif -%}
{%- endmacro %}

{#- A bracket that opens, in a pattern. -#}
{% macro bracket_pattern() %}{{ return(adapter.dispatch('bracket_pattern')()) }}{% endmacro %}
{% macro default__bracket_pattern() %}{{ return('[[]') }}{% endmacro %}
{% macro spark__bracket_pattern() %}{{ return('\\\\[') }}{% endmacro %}

{#- Percent signs and plus signs decoded; the text as it came where that yields no UTF-8. -#}
{% macro url_decoded(text) %}{{ return(adapter.dispatch('url_decoded')(text)) }}{% endmacro %}
{% macro default__url_decoded(text) -%}
    coalesce(try(url_decode(replace({{ text }}, '+', '%20'))), {{ text }})
{%- endmacro %}
{% macro spark__url_decoded(text) -%}
    {#- Spark writes U+FFFD for what is no UTF-8: more of them than the text holds, plain or encoded, is none. -#}
    {%- set decoded = "try_url_decode(replace(" ~ text ~ ", '+', '%20'))" -%}
    {%- set upper = "upper(" ~ text ~ ")" -%}
    case
        when {{ decoded }} is null then {{ text }}
        when {{ spark_count(decoded, "\ufffd") }} > {{ spark_count(text, "\ufffd") }} + {{ spark_count(upper, '%EF%BF%BD') }}
            then {{ text }}
        else {{ decoded }}
    end
{%- endmacro %}
{#- How often a part is in a text. -#}
{% macro spark_count(text, part) -%}
    (length({{ text }}) - length(replace({{ text }}, '{{ part }}', ''))) / {{ part | length }}
{%- endmacro %}

{#- The last value that is not null, of the rows up to and with `rows_end` (such as `current row`). -#}
{% macro last_known(value, partition, order, rows_end) %}{{ return(adapter.dispatch('last_known')(value, partition, order, rows_end)) }}{% endmacro %}
{% macro default__last_known(value, partition, order, rows_end) -%}
    last_value({{ value }} ignore nulls) over (
        partition by {{ partition }} order by {{ order }} rows between unbounded preceding and {{ rows_end }}
    )
{%- endmacro %}
{% macro spark__last_known(value, partition, order, rows_end) -%}
    last_value({{ value }}) ignore nulls over (
        partition by {{ partition }} order by {{ order }} rows between unbounded preceding and {{ rows_end }}
    )
{%- endmacro %}

{#- A number of 63 bits that stands for a text, the same for ever: joins by it read a fifth of what the text takes. -#}
{% macro short_hash(text) %}{{ return(adapter.dispatch('short_hash')(text)) }}{% endmacro %}
{% macro default__short_hash(text) %}{{ return("cast(md5_number_lower(" ~ text ~ ") >> 1 as bigint)") }}{% endmacro %}
{% macro spark__short_hash(text) -%}
    {#- DuckDB takes the last eight bytes from the last to the first. -#}
    {%- set parts = [] -%}
    {%- for places in ((31, 29, 27, 25), (23, 21, 19, 17)) -%}
        {%- set bytes = [] -%}
        {%- for place in places %}{% do bytes.append('substr(md5(' ~ text ~ '), ' ~ place ~ ', 2)') %}{% endfor -%}
        {%- do parts.append('cast(conv(concat(' ~ bytes | join(', ') ~ '), 16, 10) as bigint)') -%}
    {%- endfor -%}
    ({{ parts[0] }} * 2147483648 + shiftright({{ parts[1] }}, 1))
{%- endmacro %}

{#- The value that three quarters of the rows do not exceed, between two rows where need be. -#}
{% macro p75(value) %}{{ return(adapter.dispatch('p75')(value)) }}{% endmacro %}
{% macro default__p75(value) %}{{ return("quantile_cont(" ~ value ~ ", 0.75)") }}{% endmacro %}
{% macro spark__p75(value) %}{{ return("percentile(" ~ value ~ ", 0.75)") }}{% endmacro %}
