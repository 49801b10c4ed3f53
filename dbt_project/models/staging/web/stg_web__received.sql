with lines as (

    select
        client_id,
        site_id,
        case when is_duplicate then 'duplicate' else 'kept' end as fate,
        cast(null as string) as reason,
        lost,
        received_hour
    from {{ source('ingest', 'event_index') }}

    union all

    select
        client_id,
        site_id,
        'quarantined' as fate,
        reason,
        cast(null as integer) as lost,
        received_hour
    from {{ source('ingest', 'quarantine') }}

)

select * from lines
