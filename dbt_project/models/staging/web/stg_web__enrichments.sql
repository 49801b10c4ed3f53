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
        {{ json_text('fields', 'properties') }} as properties,
        place
    from placed

),

-- of each property the latest value; null takes it back
properties as (

    select
        taken_apart.client_id,
        taken_apart.event_id,
        name,
        max_by(value, taken_apart.place) as value
    from taken_apart
    {{ join_json_members('taken_apart.properties', 'members') }}
    where taken_apart.properties is not null
    group by taken_apart.client_id, taken_apart.event_id, name

),

learnt as (

    select client_id, event_id, {{ json_object_of('name', 'value') }} as learnt
    from properties
    where cast(value as string) <> 'null'
    group by client_id, event_id

),

corrected as (

    select
        client_id,
        event_id,
        {%- for field in fields %}
        max_by({{ field }}, case when {{ field }} is not null then place end) as {{ field }}{{ ',' if not loop.last }}
        {%- endfor %}
    from taken_apart
    group by client_id, event_id

),

final as (

    select corrected.*, learnt.learnt
    from corrected
    left join learnt on corrected.client_id = learnt.client_id and corrected.event_id = learnt.event_id

)

select * from final
