select
    client_id,
    funnel,
    counted_by,
    step_name,
    event_type,
    page as page_pattern,
    definition,
    step,
    window_minutes

from {{ source('ingest', 'funnels') }}
