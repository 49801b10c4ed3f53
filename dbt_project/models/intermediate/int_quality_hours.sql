{{ config(group='reporting', meta={'rebuilt_by': 'received'}) }}

with lines as (

    select
        client_id,
        coalesce(site_id, '(unknown)') as site_id,
        received_hour,
        fate,
        coalesce(reason, '') as reason,
        count(*) as lines
    from {{ ref('stg_web__received') }}
    where client_id is not null
        {%- if is_partial() %} and received_hour in ({{ hours_anew() }}){% endif %}
    group by client_id, coalesce(site_id, '(unknown)'), received_hour, fate, coalesce(reason, '')

),

-- few rows: what follows looks at each kind of event once
kinds as (

    select
        client_id,
        site_id,
        received_hour,
        is_bot,
        coalesce(bot_class, '(unknown)') as bot_class,
        coalesce(consent_tier, 1) as consent_tier,
        coalesce(clock, '(unknown)') as clock,
        host,
        is_amount_unreadable,
        is_repeated_order,
        {{ is_passive() }} and session_id is null as is_unattributed,
        not {{ is_request() }} and occurred_at < received_hour as is_late,
        count(*) as lines
    from {{ ref('events') }}
    where {% if is_partial() %}received_hour in ({{ hours_anew() }}){% else %}true{% endif %}
    group by
        client_id, site_id, received_hour, is_bot, coalesce(bot_class, '(unknown)'), coalesce(consent_tier, 1),
        coalesce(clock, '(unknown)'), host, is_amount_unreadable, is_repeated_order,
        {{ is_passive() }} and session_id is null,
        not {{ is_request() }} and occurred_at < received_hour

),

steps as (

    select client_id, site_id, received_hour, 'received' as step, '' as detail, lines from lines
    union all
    select client_id, site_id, received_hour, fate as step, reason as detail, lines from lines
    union all
    select client_id, site_id, received_hour, 'bots', bot_class, lines from kinds where is_bot
    union all
    select client_id, site_id, received_hour, 'people', '', lines from kinds where not is_bot
    union all
    select client_id, site_id, received_hour, 'consent', concat('tier', cast(consent_tier as string)), lines from kinds where not is_bot
    union all
    select client_id, site_id, received_hour, 'internal', '', lines from kinds where not is_bot and {{ is_own_machine('host') }}
    union all
    select client_id, site_id, received_hour, 'clock', clock, lines from kinds
    union all
    select client_id, site_id, received_hour, 'unreadable_money', '', lines from kinds where is_amount_unreadable and not is_bot
    union all
    select client_id, site_id, received_hour, 'repeated_order', '', lines from kinds where is_repeated_order and not is_bot
    union all
    select client_id, site_id, received_hour, 'late', '', lines from kinds where is_late
    union all
    select client_id, site_id, received_hour, 'unattributed', '', lines from kinds where is_unattributed

),

final as (

    select
        steps.client_id,
        steps.site_id,
        steps.step,
        steps.detail,
        cast(sum(steps.lines) as bigint) as lines,
        {{ local_date('steps.received_hour', 'days') }} as date,
        steps.received_hour
    from steps
    left join {{ ref('stg_web__sites') }} as sites on steps.client_id = sites.client_id and steps.site_id = sites.site_id
    {{ join_zone_days('days', "coalesce(sites.timezone, 'UTC')", utc_date('steps.received_hour')) }}
    group by
        steps.client_id, steps.site_id, steps.step, steps.detail, {{ local_date('steps.received_hour', 'days') }},
        steps.received_hour

)

select * from final
