{{ config(meta={'rebuilt_by': 'islands'}) }}

{#-
    An island is a visitor's run of acts without a gap over the timeout, whatever its length, where an act lasts as
    long as its view was read. Islands do not depend on where they are cut later, so a changed event can only change
    islands that have an act within one timeout of it, or the view that it reports about. Those are rebuilt whole, all
    others stay: exact in any order of arrival, and bounded.
    Which they are is found before (macros/touched_islands.sql), so what dbt compiles here does not run by itself.
-#}
{%- set max_seconds = var('session_max_hours') | int * 3600 -%}
{%- set facts = event_facts() | join(', ') -%}
{%- set key_of_visitor = visitor_key() ~ ' as visitor_key' -%}
{%- set in_order = 'client_id, site_id, visitor_key' -%}
{%- set tolerance = var('late_tolerance_hours') | int * 60 -%}
{#- How often a tab of a run that was joined may join the next: who reads that many by turns begins a new session. -#}
{%- set returns = 3 -%}

-- depends_on: {{ ref('stg_web__changes') }}, {{ ref('stg_web__hours') }}
with

arrived as (

    {% if is_partial() -%}
    {{ affected(ref('stg_web__events'), facts ~ ', ' ~ key_of_visitor) }}
    {%- else -%}
    select {{ facts }}, {{ key_of_visitor }} from {{ ref('stg_web__events') }}
    where {{ received_in_window('received_hour') }}
    {%- endif %}

),

{% if is_partial() %}

unchanged as (

    select {{ facts }}, {{ key_of_visitor }}
    from {{ this }} as stored
    where (island_id, island_started_at) in (select island_id, island_started_at from touched_islands)
        and (event_key, received_hour) not in (select event_key, received_hour from outdated)

    union all

    select {{ facts }}, {{ key_of_visitor }}
    from {{ this }} as stored
    where island_id is null
        and (event_key, received_hour) in (select event_key, received_hour from waiting)
        and (event_key, received_hour) not in (select event_key, received_hour from outdated)

),

to_group as (

    select * from arrived
    union all
    select * from unchanged

),

{% else %}

to_group as (

    select * from arrived

),

{% endif %}

{{ kept('to_group') }}

-- only what the rules read, so that sorting stays cheap; a site that has left the registry counts in UTC
known as (

    select
        to_group.event_key,
        to_group.received_hour,
        to_group.client_id,
        to_group.site_id,
        to_group.visitor_id,
        to_group.visitor_key,
        to_group.view_key,
        to_group.event_id,
        to_group.occurred_at,
        to_group.view_begun,
        to_group.seq,
        to_group.received_at,
        to_group.object_key,
        to_group.line_number,
        to_group.utm_campaign,
        to_group.event_type,
        {{ is_act('to_group.event_type') }} as is_act,
        {{ local_date('to_group.occurred_at', 'days') }} as date,
        coalesce(sites.timeout_minutes, {{ var('session_timeout_minutes') | int }}) as timeout_minutes,
        coalesce(sites.cut_at_midnight, false) as cut_at_midnight,
        coalesce(sites.cut_on_campaign, false) as cut_on_campaign,
        position(concat(',', to_group.event_type, ',') in concat(',', coalesce(sites.conversions, '{{ purchase_event_types() | join(',') }}'), ',')) > 0
            and position(',' in to_group.event_type) = 0 as is_conversion
    from to_group
    left join {{ ref('stg_web__sites') }} as sites
        on to_group.client_id = sites.client_id and to_group.site_id = sites.site_id
    {{ join_zone_days('days', "coalesce(sites.timezone, 'UTC')", utc_date('to_group.occurred_at')) }}

),

-- visitors have numbers, and the moments of each: sorting and joining by text costs several times as much
visitors as (

    select client_id, site_id, visitor_key, row_number() over (order by client_id, site_id, visitor_key) as who
    from (select distinct client_id, site_id, visitor_key from known) as of_known

),

moments as (

    select
        known.*,
        visitors.who,
        row_number() over (partition by visitors.who order by {{ event_order('known') }}) as place
    from known
    left join visitors
        on known.client_id = visitors.client_id
        and known.site_id = visitors.site_id
        and known.visitor_key = visitors.visitor_key

),
{{ kept('moments') }}

views as (

    select client_id, site_id, view_key, count(*) as views, min(who) as who, min(place) as place, min(occurred_at) as view_at
    from moments
    where view_key is not null and event_type = 'page_view'
    group by client_id, site_id, view_key

),

-- a number that several views have: those around each report, of its visitor and of anybody; the last before it, the first after
around_reports as (

    select
        *,
        {%- for of_whom, whose in (('own', ', who'), ('any', '')) %}
        {%- for side, order in (('before', 'occurred_at, is_report, ' ~ event_order()), ('after', 'occurred_at desc, is_report desc, ' ~ event_order(direction='desc'))) %}
        {%- for value in ('view_at', 'view_who', 'view_place') %}
        {{ last_known(value, 'client_id, site_id, view_key' ~ whose, order, 'current row') }} as {{ of_whom }}_{{ side }}_{{ value | replace('view_', '') }},
        {%- endfor %}
        {%- endfor %}
        {%- endfor %}
        1 as is_seen
    from (
        select
            moments.client_id, moments.site_id, moments.view_key, moments.who, moments.place, {{ event_order('moments') }},
            case when moments.event_type = 'page_view' then 0 else 1 end as is_report,
            case when moments.event_type = 'page_view' then moments.occurred_at end as view_at,
            case when moments.event_type = 'page_view' then moments.who end as view_who,
            case when moments.event_type = 'page_view' then moments.place end as view_place
        from moments
        inner join views
            on moments.client_id = views.client_id
            and moments.site_id = views.site_id
            and moments.view_key = views.view_key
        where views.views > 1
    ) as of_views

),

-- a report belongs to the nearest of them, and to none that is further away than late events are waited for
reports as (

    select moments.who as report_who, moments.place as report_place, moments.occurred_at, views.who, views.place
    from moments
    inner join views
        on moments.client_id = views.client_id
        and moments.site_id = views.site_id
        and moments.view_key = views.view_key
    where moments.event_type <> 'page_view'
        and views.views = 1
        and moments.occurred_at <= {{ minutes_later('views.view_at', tolerance) }}
        and views.view_at <= {{ minutes_later('moments.occurred_at', tolerance) }}

    union all

    {%- set nearest = {
        'own_before': 'occurred_at <= ' ~ minutes_later('own_before_at', tolerance),
        'own_after': 'own_after_at <= ' ~ minutes_later('occurred_at', tolerance),
        'any_before': 'occurred_at <= ' ~ minutes_later('any_before_at', tolerance),
        'any_after': 'any_after_at <= ' ~ minutes_later('occurred_at', tolerance),
    } %}

    select report_who, report_place, occurred_at, who, place
    from (
        select
            who as report_who,
            place as report_place,
            occurred_at,
            {%- for part in ('who', 'place') %}
            case
                {%- for side, is_near in nearest.items() %}
                when {{ is_near }} then {{ side }}_{{ part }}
                {%- endfor %}
            end as {{ part }}{{ ',' if not loop.last }}
            {%- endfor %}
        from around_reports
        where is_report = 1
    ) as of_several
    where who is not null

),

-- a report that comes while its view may still be read, and later than the view, is attention
read as (

    select
        reports.report_who,
        reports.report_place,
        reports.occurred_at,
        reports.who,
        reports.place,
        case
            when reports.occurred_at > acts.occurred_at and reports.occurred_at <= {{ attention_ends('acts.occurred_at') }} then 1
            else 0
        end as is_attention
    from reports
    left join moments as acts on reports.who = acts.who and reports.place = acts.place

),
{{ kept('read') }}

attended as (

    select who, place, max(occurred_at) as read_until
    from read
    where is_attention = 1
    group by who, place

),

-- acts, and between them attention; in one moment attention first, because it ends a view and an act begins the next
timeline as (

    select
        acts.who,
        acts.place,
        acts.occurred_at,
        0 as is_attention,
        cast(null as bigint) as report_who,
        cast(null as bigint) as report_place,
        acts.utm_campaign,
        acts.date,
        acts.timeout_minutes,
        acts.cut_at_midnight,
        acts.cut_on_campaign,
        coalesce(attended.read_until, acts.occurred_at) as lasts_until
    from moments as acts
    left join attended on acts.who = attended.who and acts.place = attended.place
    where acts.is_act

    union all

    select
        who,
        place,
        occurred_at,
        1 as is_attention,
        report_who,
        report_place,
        null as utm_campaign,
        null as date,
        null as timeout_minutes,
        null as cut_at_midnight,
        null as cut_on_campaign,
        null as lasts_until
    from read
    where is_attention = 1

),

{%- set in_time = 'occurred_at, is_attention desc, place' %}

gaps as (

    select
        *,
        row_number() over (partition by who order by {{ in_time }}) as turn,
        {{ last_known('case when is_attention = 0 then occurred_at end', 'who', in_time, '1 preceding') }} as previous_at,
        {{ last_known('date', 'who', in_time, '1 preceding') }} as previous_date,
        max(lasts_until) over (
            partition by who order by {{ in_time }} rows between unbounded preceding and 1 preceding
        ) as reached_at,
        {{ last_known('case when is_attention = 1 then occurred_at end', 'who', in_time, '1 preceding') }} as attention_at,
        {{ last_known('case when is_attention = 1 then place end', 'who', in_time, '1 preceding') }} as attention_place
    from timeline

),

starts as (

    select
        *,
        case
            when is_attention = 1 or occurred_at <= {{ minutes_later('reached_at', 'timeout_minutes') }} then 0
            else 1
        end as starts_island,
        case
            when is_attention = 1 or occurred_at <= {{ minutes_later('previous_at', 'timeout_minutes') }} then 0
            else 1
        end as starts_run_0,
        case when occurred_at <= {{ minutes_later('attention_at', 'timeout_minutes') }} then attention_place end as continued_place
    from gaps

),

-- an act that the last attention lies near goes on with the run of that view, where that is the run going on
{%- for time in range(1, returns + 1) %}
{%- set so_far = 'starts_run_' ~ (time - 1) %}
runs_{{ time }} as (

    select
        *,
        case
            when {{ so_far }} = 1
                and coalesce(
                    continued_place < max(case when {{ so_far }} = 1 then place end) over (
                        partition by who order by turn rows between unbounded preceding and 1 preceding
                    ),
                    true
                )
                then 1
            else 0
        end as starts_run_{{ time }}
    from {{ 'starts' if time == 1 else 'runs_' ~ (time - 1) }}

),
{% endfor %}
{%- set starts_run = 'starts_run_' ~ returns %}

islands as (

    select
        *,
        {{ last_known('case when starts_island = 1 then place end', 'who', 'turn', 'current row') }} as island_place,
        {{ last_known('case when ' ~ starts_run ~ ' = 1 then occurred_at end', 'who', 'turn', 'current row') }} as run_started_at,
        {{ last_known('case when ' ~ starts_run ~ ' = 1 then place end', 'who', 'turn', 'current row') }} as run_place
    from runs_{{ returns }}

),

-- a fixed grid from the run's start: where a cut falls does not depend on what lies between
cells as (

    select
        *,
        {{ whole_spans_between('run_started_at', 'occurred_at', max_seconds) }} as cell,
        {{ whole_spans_between('run_started_at', 'previous_at', max_seconds) }} as previous_cell,
        {{ last_known('utm_campaign', 'who', 'turn', '1 preceding') }} as previous_campaign,
        {{ last_known('case when utm_campaign is not null then run_place end', 'who', 'turn', '1 preceding') }}
            as previous_campaign_run
    from islands

),

cuts as (

    select
        *,
        case
            when is_attention = 0
                and (
                    {{ starts_run }} = 1
                    or cell <> previous_cell
                    or (cut_at_midnight and date <> previous_date)
                    or (
                        cut_on_campaign
                        and utm_campaign is not null
                        and (coalesce(previous_campaign_run, 0) <> run_place or utm_campaign <> previous_campaign)
                    )
                )
                then place
        end as starts_session
    from cells

),

sessionised as (

    select
        who,
        place,
        is_attention,
        report_who,
        report_place,
        lasts_until,
        island_place,
        {{ last_known('starts_session', 'who', 'turn', 'current row') }} as session_place
    from cuts

),
{{ kept('sessionised') }}

-- what a session or an island is called, by the act that it begins with
names as (

    select
        firsts.who,
        firsts.place,
        {{ session_id('firsts.client_id', 'firsts.site_id', 'firsts.visitor_id', first_event('firsts.event_id', 'firsts.occurred_at')) }} as name,
        firsts.occurred_at as started_at
    from (
        select who, island_place as place from sessionised
        union
        select who, session_place from sessionised
    ) as begun
    left join moments as firsts on begun.who = firsts.who and begun.place = firsts.place

),
{{ kept('names') }}

visits as (

    select
        acts.who,
        acts.place,
        acts.lasts_until,
        acts.session_place,
        of_session.name as session_id,
        of_island.name as island_id,
        of_island.started_at as island_started_at
    from sessionised as acts
    left join names as of_session on acts.who = of_session.who and acts.session_place = of_session.place
    left join names as of_island on acts.who = of_island.who and acts.island_place = of_island.place
    where acts.is_attention = 0

),

-- a report is where its view is; it lengthens the session where that is the one going on
of_views as (

    select
        read.report_who,
        read.report_place,
        visits.who,
        visits.place,
        visits.session_id,
        visits.island_id,
        visits.island_started_at,
        case when attention.session_place = visits.session_place then read.occurred_at end as lasts_until
    from read
    left join visits on read.who = visits.who and read.place = visits.place
    left join sessionised as attention
        on read.report_who = attention.report_who
        and read.report_place = attention.report_place

),

settled as (

    select
        moments.event_key,
        moments.received_hour,
        moments.visitor_key,
        visits.session_id,
        visits.island_id,
        moments.timeout_minutes,
        moments.cut_at_midnight,
        moments.cut_on_campaign,
        moments.is_conversion,
        moments.date,
        visits.island_started_at,
        visits.lasts_until
    from visits
    left join moments on visits.who = moments.who and visits.place = moments.place

    union all

    select
        reports.event_key,
        reports.received_hour,
        viewed.visitor_key,
        of_views.session_id,
        of_views.island_id,
        viewed.timeout_minutes,
        viewed.cut_at_midnight,
        viewed.cut_on_campaign,
        false as is_conversion,
        viewed.date,
        of_views.island_started_at,
        of_views.lasts_until
    from of_views
    left join moments as reports on of_views.report_who = reports.who and of_views.report_place = reports.place
    left join moments as viewed on of_views.who = viewed.who and of_views.place = viewed.place

    union all

    -- requests, and reports about a view that nobody knows
    select
        moments.event_key,
        moments.received_hour,
        moments.visitor_key,
        null as session_id,
        null as island_id,
        moments.timeout_minutes,
        moments.cut_at_midnight,
        moments.cut_on_campaign,
        false as is_conversion,
        moments.date,
        null as island_started_at,
        null as lasts_until
    from moments
    left join read on moments.who = read.report_who and moments.place = read.report_place
    where not moments.is_act and read.report_place is null

),

final as (

    select
        {% for fact in event_facts() -%}
        to_group.{{ fact }},
        {% endfor -%}
        settled.visitor_key,
        settled.session_id,
        settled.island_id,
        settled.timeout_minutes,
        settled.cut_at_midnight,
        settled.cut_on_campaign,
        settled.is_conversion,
        sites.currency as site_currency,
        settled.date,
        {{ utc_date('to_group.occurred_at') }} as occurred_on,
        settled.island_started_at,
        settled.lasts_until
    from to_group
    inner join settled
        on to_group.event_key = settled.event_key
        and to_group.received_hour = settled.received_hour
    left join {{ ref('stg_web__sites') }} as sites
        on to_group.client_id = sites.client_id and to_group.site_id = sites.site_id

)

select * from final
