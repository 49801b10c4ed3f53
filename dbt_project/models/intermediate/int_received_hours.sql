{{ config(group='reporting', meta={'touched_by': 'hour'}) }}

with lines as (

    select * from {{ ref('stg_web__received') }}
    where client_id is not null and site_id is not null and {{ is_touched('hour') }}

),

-- reports about a view that nobody knows, or does not know yet
unattributed as (

    select client_id, site_id, received_hour, count(*) as reports
    from {{ ref('events') }}
    where session_id is null and {{ is_passive() }} and {{ is_touched('hour') }}
    group by client_id, site_id, received_hour

),

counted as (

    select
        client_id,
        site_id,
        received_hour,
        count(*) as received,
        count(case when fate = 'kept' then 1 end) as kept,
        count(case when fate = 'duplicate' then 1 end) as duplicates,
        count(case when fate = 'quarantined' then 1 end) as quarantined,
        cast(coalesce(sum(case when fate = 'kept' then lost end), 0) as bigint) as pixel_lost
    from lines
    group by client_id, site_id, received_hour

),

final as (

    select counted.*, coalesce(unattributed.reports, 0) as unattributed_reports
    from counted
    left join unattributed
        on counted.client_id = unattributed.client_id
        and counted.site_id = unattributed.site_id
        and counted.received_hour = unattributed.received_hour

)

select * from final
