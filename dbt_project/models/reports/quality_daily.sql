with steps as (

    select * from {{ ref('int_quality_hours') }}
    where {{ is_touched('day') }}

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        step,
        detail,

        -- numbers
        cast(sum(lines) as bigint) as lines

    from steps
    group by client_id, site_id, date, step, detail

)

select * from final
