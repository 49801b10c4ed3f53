select
    client_id,
    site_id,
    timezone

from {{ source('ingest', 'sites') }}
