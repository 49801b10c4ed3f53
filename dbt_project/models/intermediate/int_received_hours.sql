{{ config(group='reporting', meta={'touched_by': 'hour'}) }}

-- what is touched is known only then
-- depends_on: {{ ref('events') }}
with lines as (

    select * from {{ ref('stg_web__received') }}
    where client_id is not null and site_id is not null and {{ is_touched('hour') }}

),

final as (

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

)

select * from final
