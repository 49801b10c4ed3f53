{{ config(meta={'rebuilt_by': 'orders'}) }}

{#-
    Which copies of an order count. Orders are touched by id: where one came, went or changed, all copies of it are
    looked at anew, and so are the sessions of those that begin or cease to count (macros/rebuild_orders.sql).
-#}
{%- set goes_back = '(' ~ is_refund() ~ ' or coalesce(revenue, 0) < 0)' -%}

with sent as (

    select
        event_key,
        client_id,
        site_id,
        session_id,
        -- purchases by each of their names are one; what is none, and refunds, repeat only themselves
        md5(concat(
            site_id, '|', cast(is_bot as string), '|',
            case when {{ goes_back }} then 'refund' when {{ is_purchase() }} then 'purchase' else event_type end, '|',
            case when {{ goes_back }} then {{ json_text('props', 'refund_id') }} else order_id end
        )) as order_key,
        {{ event_order() }},
        revenue is not null as is_priced,
        date,
        received_hour
    from {{ ref('int_events_sessionised') }}
    where order_id is not null
        and session_id is not null
        and ({{ is_purchase() }} or is_conversion or revenue is not null)
        -- an order may be refunded in parts
        and (not {{ goes_back }} or {{ json_text('props', 'refund_id') }} is not null)
        and {{ is_touched('session') }}

),

{% if is_partial() %}

concerned as (

    select client_id, order_key from sent
    union
    select client_id, order_key from {{ this }}
    where {{ among_touched('session') }}

),

copies as (

    select * from sent
    union all
    select event_key, client_id, site_id, session_id, order_key, {{ event_order() }}, is_priced, date, received_hour
    from {{ this }}
    where (client_id, order_key) in (select client_id, order_key from concerned)
        and (session_id, date) not in (select session_id, date from {{ touched() }} where session_id is not null and date is not null)

),

{% else %}

copies as (

    select * from sent

),

{% endif %}

gaps as (

    select
        *,
        case
            when occurred_at <= {{ minutes_later('lag(occurred_at) over (partition by client_id, order_key order by ' ~ event_order() ~ ')', 7 * 24 * 60) }}
                then 0
            else 1
        end as begins
    from copies

),

numbered as (

    select
        *,
        sum(begins) over (
            partition by client_id, order_key order by {{ event_order() }} rows between unbounded preceding and current row
        ) as order_number
    from gaps

),

final as (

    select
        event_key,
        client_id,
        site_id,
        session_id,
        order_key,
        {{ event_order() }},
        is_priced,
        -- the first that says an amount counts
        row_number() over (
            partition by client_id, order_key, order_number
            order by case when is_priced then 0 else 1 end, {{ event_order() }}
        ) > 1 as is_repeated,
        date,
        received_hour
    from numbered

)

select * from final
