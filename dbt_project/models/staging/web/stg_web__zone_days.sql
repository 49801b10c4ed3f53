select zone, date, timezone, offset_before, offset_after, least_date, changes_at, starts_at
from {{ source('ingest', 'zone_days') }}
