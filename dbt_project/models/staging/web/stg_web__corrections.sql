select
    client_id,
    event_id,
    enriched_at

from {{ source('ingest', 'event_enrichments') }}
