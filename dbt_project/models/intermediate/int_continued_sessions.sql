{{ config(materialized='view') }}

with bridges as (

    select * from {{ ref('int_session_bridges') }}
    where continues_session_id is not null

),

final as (

    -- once only: a session that continues one is not continued itself
    select bridges.session_id, bridges.continues_session_id
    from bridges
    left join bridges as before on bridges.continues_session_id = before.session_id
    where before.session_id is null

)

select * from final
