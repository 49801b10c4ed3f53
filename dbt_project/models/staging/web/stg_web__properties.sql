select
    client_id,
    site_id,
    property

from {{ source('ingest', 'properties') }}
