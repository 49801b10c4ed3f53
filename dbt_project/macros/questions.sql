{#-
    What the saved questions of analyses/ are asked with. `footfall ask` renders them without dbt, for DuckDB and for
    Athena (commands/saved_questions.py); dbt compiles them over the models, of all clients unless variables say otherwise.
    The variables are SQL: client, site, first_day, last_day, and clock, the seconds that clocks are ahead of UTC.
-#}

{#- Which rows are asked for. `day`: the column of the range. `of`: an alias with its dot. -#}
{% macro asked(day='date', of='') -%}
    {{ of_client(of) }}
    {%- if var('site', '') %} and {{ of }}site_id = {{ var('site') }}{% endif %}
    {%- if var('first_day', '') %} and {{ of }}{{ day }} >= {{ var('first_day') }}{% endif %}
    {%- if var('last_day', '') %} and {{ of }}{{ day }} <= {{ var('last_day') }}{% endif %}
{%- endmacro %}

{% macro of_client(of) %}{{ return(adapter.dispatch('of_client')(of)) }}{% endmacro %}
{% macro default__of_client(of) -%}
    {%- if var('client', '') -%}{{ of }}client_id = {{ var('client') }}{%- else -%}true{%- endif -%}
{%- endmacro %}
{#- The tables have a partition for each client, which a query has to name. -#}
{% macro athena__of_client(of) %}{{ of }}client = {{ var('client') }}{% endmacro %}

{#- What the clocks of the site show at a moment. -#}
{% macro site_time(moment) %}{{ shown_ahead(moment, 'cast(' ~ var('clock', '0') ~ ' as bigint)') }}{% endmacro %}

{% macro median_of(value) %}{{ return(adapter.dispatch('median_of')(value)) }}{% endmacro %}
{% macro default__median_of(value) %}{{ return("median(cast(" ~ value ~ " as double))") }}{% endmacro %}
{% macro spark__median_of(value) %}{{ return("percentile(" ~ value ~ ", 0.5)") }}{% endmacro %}
{% macro athena__median_of(value) %}{{ return("approx_percentile(cast(" ~ value ~ " as double), 0.5)") }}{% endmacro %}

{#- Athena's forms of macros of engine.sql that questions use. -#}
{% macro athena__shown_ahead(moment, seconds) %}{{ return("date_add('second', " ~ seconds ~ ", " ~ moment ~ ")") }}{% endmacro %}
{% macro athena__hour_of(time) %}{{ return("hour(" ~ time ~ ")") }}{% endmacro %}
{% macro athena__weekday_of(time) %}{{ return("day_of_week(" ~ time ~ ")") }}{% endmacro %}
