{%- set fields = enrichable_fields() -%}

-- the later version wins, field by field; what it does not give stays as it was
with placed as (

    select
        client_id,
        event_id,
        fields,
        row_number() over (partition by client_id, event_id order by version, enriched_at, fields) as place
    from {{ source('ingest', 'event_enrichments') }}

),

taken_apart as (

    select
        client_id,
        event_id,
        {%- for field in fields %}
        {{ json_text('fields', field) }} as {{ field }},
        {%- endfor %}
        place
    from placed

),

final as (

    select
        client_id,
        event_id,
        {%- for field in fields %}
        max_by({{ field }}, case when {{ field }} is not null then place end) as {{ field }}{{ ',' if not loop.last }}
        {%- endfor %}
    from taken_apart
    group by client_id, event_id

)

select * from final
