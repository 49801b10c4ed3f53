with clicks as (

    select
        client_id,
        site_id,
        date,
        visitor_id,
        session_id,
        coalesce(page, '(unknown)') as page,
        {%- for said in ('tag', 'id', 'text', 'link') %}
        left(coalesce({{ json_text('props', said) }}, ''), 200) as {{ 'element_id' if said == 'id' else said }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('events') }}
    where event_type = 'click' and not is_bot and session_id is not null and {{ is_touched('day') }}

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        page,
        tag,
        element_id,
        text,
        link,

        -- numbers
        count(*) as clicks,
        count(distinct visitor_id) as visitors,
        count(distinct session_id) as sessions

    from clicks
    group by client_id, site_id, date, page, tag, element_id, text, link

)

select * from final
