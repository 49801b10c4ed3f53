select client_id, reporting_currency, currency, date, rate, settings from {{ source('ingest', 'exchange_rates') }}
