{#-
    Where rows came from, by name: from `relation`, with what an event says of it (says_where_from), to the same with
    plain_referrer, source, medium and channel (null where nothing is known). Steps of a `with`, the last of which is
    `channelled`.
-#}
{% macro named_sources(relation) %}
referrer_hosts as (

    select * from {{ ref('referrer_hosts') }}

),

-- every name a source goes by: its hosts, and its own name as people write it into utm_source
known_sources as (

    select host as alias, source, category from referrer_hosts
    union
    select source as alias, source, category from referrer_hosts
    where source not in ({{ quoted_list(names_of_much()) }})

),

-- a page of the site itself is no referrer, nor is one that visitors only pass through
referred as (

    select
        *,
        case
            when coalesce(referrer_class, '') not in ({{ quoted_list(passed_through()) }})
                and {{ plain_host('referrer_host') }} <> coalesce({{ plain_host('host') }}, '')
                then {{ plain_host('referrer_host') }}
        end as plain_referrer
    from {{ relation }}

),

named as (

    select
        referred.*,
        case
            when referred.plain_referrer is not null
                then coalesce(referrers.source, referred.referrer_source, referred.plain_referrer)
        end as referrer_name,
        case
            when referred.plain_referrer is not null then coalesce(referrers.category, referred.referrer_class)
        end as referrer_category
    from referred
    left join referrer_hosts as referrers on referred.plain_referrer = referrers.host

),

clicked as (

    select
        *,
        case
            when not {{ says_more_than_click('referrer_name', 'referrer_category', 'click_network') }} then click_network
        end as click
    from named

),

-- tags say most, then the click id of an advertising network, then the referrer; but one that says more than the id
-- comes before it
tagged as (

    select
        *,
        coalesce(
            utm_source,
            case when click = 'google' and referrer_category = 'video' then referrer_name end,
            click,
            referrer_name
        ) as said,
        -- google.de is google.*; news.chatgpt.com is chatgpt.com's
        regexp_replace({{ plain_host('utm_source') }}, '[.]([a-z][a-z][a-z]?[.])?[a-z]+$', '.*') as any_ending,
        nullif(regexp_extract(utm_source, '^[^.]+[.](.+[.].+)$', 1), '') as parent
    from clicked

),

-- one name for each source, however it is written
credited as (

    select
        tagged.*,
        coalesce(known_sources.source, of_any_ending.source, of_parent.source, tagged.said) as source,
        coalesce(
            known_sources.category, of_any_ending.category, of_parent.category,
            case when tagged.utm_source is null and tagged.click is null then tagged.referrer_category end
        ) as category
    from tagged
    left join known_sources on {{ plain_host('tagged.said') }} = known_sources.alias
    left join known_sources as of_any_ending on tagged.any_ending = of_any_ending.alias
    left join known_sources as of_parent on tagged.parent = of_parent.alias

),

mediated as (

    select
        *,
        coalesce(
            utm_medium,
            case when click is not null then case when category = 'ads' then 'display' else 'cpc' end end,
            case
                when utm_source is not null or plain_referrer is null then null
                when referrer_category = 'ads' then 'display'
                when referrer_category = 'search' then 'organic'
                when referrer_category = 'ai_assistant' then 'ai-assistant'
                when referrer_category = 'email' then 'email'
                else 'referral'
            end
        ) as medium
    from credited

),

channelled as (

    select
        *,
        {{ channel('source', 'medium', 'utm_campaign', 'category') }} as channel
    from mediated

)
{% endmacro %}

{#- Sources whose name says much else too, a person or a town: they are known by their hosts alone. -#}
{% macro names_of_much() %}
    {{ return([
        'alice', 'arena', 'consensus', 'exa', 'julius', 'liner', 'max', 'monica', 'nova', 'real', 'venice',
    ]) }}
{% endmacro %}

{#- What named_sources reads of an event. -#}
{% macro source_facts() %}
    {{ return([
        'host', 'referrer_host', 'referrer_class', 'referrer_source', 'utm_source', 'utm_medium', 'utm_campaign',
        'utm_term', 'utm_content', 'click_network',
    ]) }}
{% endmacro %}

{#- A source or a medium as tables show it. -#}
{% macro shown_name(column, where_direct) -%}
    coalesce({{ column }}, case when channel = 'Direct' then '{{ where_direct }}' else '(not set)' end)
{%- endmacro %}
