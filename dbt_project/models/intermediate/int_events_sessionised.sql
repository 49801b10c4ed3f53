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

-- only what the rules read, so that sorting stays cheap; a site that has left the registry counts in UTC
moments as (

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

-- the views around each report that have its number, of its visitor and of anybody: the last before it, the first after
around_reports as (

    select
        *,
        {%- for of_whom, whose in (('own', ', visitor_key'), ('any', '')) %}
        {%- for side, order in (('before', 'occurred_at, is_report, ' ~ event_order()), ('after', 'occurred_at desc, is_report desc, ' ~ event_order(direction='desc'))) %}
        {{ last_known('view_at', 'client_id, site_id, view_key' ~ whose, order, 'current row') }} as {{ of_whom }}_{{ side }}_at,
        {{ last_known('view_event', 'client_id, site_id, view_key' ~ whose, order, 'current row') }} as {{ of_whom }}_{{ side }},
        {%- endfor %}
        {%- endfor %}
        1 as is_seen
    from (
        select
            client_id, site_id, visitor_key, view_key, event_key, received_hour, {{ event_order() }},
            case when event_type = 'page_view' then 0 else 1 end as is_report,
            case when event_type = 'page_view' then occurred_at end as view_at,
            case when event_type = 'page_view' then {{ event_at() }} end as view_event
        from moments
        where view_key is not null
    ) as of_views

),

-- a report belongs to the nearest of them, and to none that is further away than late events are waited for
reports as (

    select
        event_key,
        received_hour,
        occurred_at,
        coalesce(
            case when occurred_at <= {{ minutes_later('own_before_at', tolerance) }} then own_before end,
            case when own_after_at <= {{ minutes_later('occurred_at', tolerance) }} then own_after end,
            case when occurred_at <= {{ minutes_later('any_before_at', tolerance) }} then any_before end,
            case when any_after_at <= {{ minutes_later('occurred_at', tolerance) }} then any_after end
        ) as view_event
    from around_reports
    where is_report = 1

),

-- what people did, numbered in its order: cheaper to sort by from here on
acts as (

    select
        *,
        {{ event_at() }} as event,
        row_number() over (partition by {{ in_order }} order by {{ event_order() }}) as place
    from moments
    where is_act

),

-- a report that comes while its view may still be read, and later than the view, is attention
read as (

    select
        reports.event_key,
        reports.received_hour,
        reports.occurred_at,
        acts.event,
        acts.client_id,
        acts.site_id,
        acts.visitor_key,
        acts.place,
        case
            when reports.occurred_at > acts.occurred_at and reports.occurred_at <= {{ attention_ends('acts.occurred_at') }} then 1
            else 0
        end as is_attention
    from reports
    inner join acts on reports.view_event = acts.event

),

attended as (

    select event, max(occurred_at) as read_until
    from read
    where is_attention = 1
    group by event

),

-- acts, and between them attention; in one moment attention first, because it ends a view and an act begins the next
timeline as (

    select
        acts.client_id,
        acts.site_id,
        acts.visitor_key,
        acts.event,
        acts.event_key,
        acts.received_hour,
        acts.occurred_at,
        0 as is_attention,
        acts.place,
        acts.visitor_id,
        acts.event_id,
        acts.utm_campaign,
        acts.date,
        acts.timeout_minutes,
        acts.cut_at_midnight,
        acts.cut_on_campaign,
        acts.is_conversion,
        coalesce(attended.read_until, acts.occurred_at) as lasts_until
    from acts
    left join attended on acts.event = attended.event

    union all

    select
        client_id,
        site_id,
        visitor_key,
        event,
        event_key,
        received_hour,
        occurred_at,
        1 as is_attention,
        place,
        null as visitor_id,
        null as event_id,
        null as utm_campaign,
        null as date,
        null as timeout_minutes,
        null as cut_at_midnight,
        null as cut_on_campaign,
        null as is_conversion,
        null as lasts_until
    from read
    where is_attention = 1

),

{%- set along = 'occurred_at, is_attention desc, place' %}

gaps as (

    select
        *,
        {{ last_known('case when is_attention = 0 then occurred_at end', in_order, along, '1 preceding') }} as previous_at,
        {{ last_known('date', in_order, along, '1 preceding') }} as previous_date,
        max(lasts_until) over (
            partition by {{ in_order }} order by {{ along }} rows between unbounded preceding and 1 preceding
        ) as reached_at,
        {{ last_known('case when is_attention = 1 then occurred_at end', in_order, along, '1 preceding') }} as attention_at,
        {{ last_known('case when is_attention = 1 then place end', in_order, along, '1 preceding') }} as attention_place
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
                        partition by {{ in_order }} order by {{ along }} rows between unbounded preceding and 1 preceding
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
        {{ last_known('case when starts_island = 1 then occurred_at end', in_order, along, 'current row') }} as island_started_at,
        {{ last_known('case when starts_island = 1 then ' ~ first_event('event_id', 'occurred_at') ~ ' end', in_order, along, 'current row') }}
            as island_first_event,
        {{ last_known('case when ' ~ starts_run ~ ' = 1 then occurred_at end', in_order, along, 'current row') }} as run_started_at,
        {{ last_known('case when ' ~ starts_run ~ ' = 1 then place end', in_order, along, 'current row') }} as run_place
    from runs_{{ returns }}

),

-- a fixed grid from the run's start: where a cut falls does not depend on what lies between
cells as (

    select
        *,
        {{ whole_spans_between('run_started_at', 'occurred_at', max_seconds) }} as cell,
        {{ whole_spans_between('run_started_at', 'previous_at', max_seconds) }} as previous_cell,
        {{ last_known('utm_campaign', in_order, along, '1 preceding') }} as previous_campaign,
        {{ last_known('case when utm_campaign is not null then run_place end', in_order, along, '1 preceding') }}
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
                then {{ first_event('event_id', 'occurred_at') }}
        end as starts_session
    from cells

),

sessionised as (

    select
        *,
        {{ last_known('starts_session', in_order, along, 'current row') }} as session_first_event
    from cuts

),

settled as (

    select
        event_key,
        received_hour,
        visitor_key,
        {{ session_id('client_id', 'site_id', 'visitor_id', 'session_first_event') }} as session_id,
        {{ session_id('client_id', 'site_id', 'visitor_id', 'island_first_event') }} as island_id,
        timeout_minutes,
        cut_at_midnight,
        cut_on_campaign,
        is_conversion,
        date,
        island_started_at,
        lasts_until
    from sessionised
    where is_attention = 0

    union all

    -- a report is where its view is; it lengthens the session where that is the one going on
    select
        read.event_key,
        read.received_hour,
        views.visitor_key,
        {{ session_id('views.client_id', 'views.site_id', 'views.visitor_id', 'views.session_first_event') }} as session_id,
        {{ session_id('views.client_id', 'views.site_id', 'views.visitor_id', 'views.island_first_event') }} as island_id,
        views.timeout_minutes,
        views.cut_at_midnight,
        views.cut_on_campaign,
        false as is_conversion,
        views.date,
        views.island_started_at,
        case when attention.session_first_event = views.session_first_event then read.occurred_at end as lasts_until
    from read
    inner join sessionised as views on read.event = views.event and views.is_attention = 0
    left join sessionised as attention
        on read.event_key = attention.event_key
        and read.received_hour = attention.received_hour
        and attention.is_attention = 1

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
    left join read on moments.event_key = read.event_key and moments.received_hour = read.received_hour
    where not moments.is_act and read.event_key is null

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
        cast(to_group.occurred_at as date) as occurred_on,
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
