{{ config(materialized='table', tags=['whole']) }}

{#- Times that one user id may have been renamed into the next; longer chains end at the eighth. -#}
{%- set renames = 8 -%}

with identifications as (

    select * from {{ ref('int_identifications') }}

),

-- the last alias of a user id counts, whoever sent it; to itself it says nothing
aliases as (

    select client_id, previous_user_id, user_id
    from (
        select
            *,
            row_number() over (
                partition by client_id, previous_user_id order by {{ event_order(direction='desc') }}, event_key
            ) as place
        from identifications
        where previous_user_id is not null and previous_user_id <> user_id
    ) as ranked
    where place = 1

),

-- the user a visitor was last identified as
identified as (

    select
        client_id,
        site_id,
        visitor_id,
        max(case when place = 1 then user_id end) as user_id,
        max(consent_tier) as consent_tier,
        count(*) as identifications,
        count(distinct user_id) as user_ids,
        min(occurred_at) as first_identified_at,
        max(occurred_at) as last_identified_at
    from (
        select
            *,
            row_number() over (
                partition by client_id, site_id, visitor_id order by {{ event_order(direction='desc') }}
            ) as place
        from identifications
        where visitor_id is not null
    ) as ranked
    group by client_id, site_id, visitor_id

),

step_0 as (

    select client_id, site_id, visitor_id, user_id as stitched_id from identified

),
{% for step in range(1, renames + 1) %}
step_{{ step }} as (

    select
        before.client_id,
        before.site_id,
        before.visitor_id,
        coalesce(aliases.user_id, before.stitched_id) as stitched_id
    from step_{{ step - 1 }} as before
    left join aliases
        on before.client_id = aliases.client_id and before.stitched_id = aliases.previous_user_id

),
{% endfor %}
final as (

    select
        -- ids
        identified.client_id,
        identified.site_id,
        identified.visitor_id,
        identified.user_id,
        step_{{ renames }}.stitched_id,

        -- numbers
        identified.consent_tier,
        identified.identifications,
        identified.user_ids,

        -- timestamps
        identified.first_identified_at,
        identified.last_identified_at

    from identified
    inner join step_{{ renames }}
        on identified.client_id = step_{{ renames }}.client_id
        and identified.site_id = step_{{ renames }}.site_id
        and identified.visitor_id = step_{{ renames }}.visitor_id

)

select * from final
