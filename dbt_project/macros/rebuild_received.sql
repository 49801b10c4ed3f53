{#-
    The rule of int_quality_hours: hours of receipt, and the days of sites that they lie in, which are touched with them:
    an hour may hold lines of a site and no event.
-#}
{% macro rebuild_received(made, stored, columns) %}
    create or replace temp table hours_to_go as {{ hours_anew() }};

    insert into {{ touched() }} (client_id, site_id, date, received_hour)
    select client_id, site_id, date, received_hour from {{ stored }}
    where received_hour in (select received_hour from hours_to_go)
    union
    select client_id, site_id, date, received_hour from {{ made }};

    delete from {{ stored }} where received_hour in (select received_hour from hours_to_go);

    insert into {{ stored }} ({{ columns }})
    select {{ columns }} from {{ made }};
{% endmacro %}

{#- Hours that were touched, and all of a site with other rules: its days may begin elsewhere. -#}
{% macro hours_anew() -%}
    select received_hour from {{ touched() }} where received_hour is not null
    union
    select received_hour from {{ this }} where (client_id, site_id) in ({{ changed_sites() }})
{%- endmacro %}

{#- Whether a host is a machine or a network of one's own: localhost, 10.0.0.5, shop.local. -#}
{% macro is_own_machine(host) -%}
    coalesce(regexp_extract(
        {{ host }},
        '^(localhost|0[.]0[.]0[.]0|127[.][0-9.]+|10[.][0-9.]+|192[.]168[.][0-9.]+|169[.]254[.][0-9.]+|172[.](1[6-9]|2[0-9]|3[01])[.][0-9.]+|{{ bracket_pattern() }}?::1]?|.*[.](localhost|local|localdomain|internal|intranet|lan|home|corp|test|invalid))$',
        0
    ), '') <> ''
{%- endmacro %}
