select received_hour

from {{ source('ingest', 'hours') }}
