{#- Classes of referrers that nobody comes from: the site itself, and what sends its visitors back to it. -#}
{% macro passed_through() %}{{ return(['internal', 'payment', 'sign_in']) }}{% endmacro %}

{#- Whether an event says where its visitor came from. -#}
{% macro says_where_from() -%}
    (
        utm_source is not null
        or utm_medium is not null
        or utm_campaign is not null
        or click_network is not null
        or coalesce(
            coalesce(referrer_class, '') not in ({{ quoted_list(passed_through() + ['spam']) }})
                and {{ plain_host('referrer_host') }} <> coalesce({{ plain_host('host') }}, ''),
            false
        )
    )
{%- endmacro %}
