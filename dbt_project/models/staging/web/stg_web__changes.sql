select
    changed_in_hour,
    client_id,
    event_id

from {{ source('ingest', 'changes') }}
