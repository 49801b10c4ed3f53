with page_views as (

    select client_id, site_id, date, previous_page, page, session_id, visitor_id, seconds_to_next
    from {{ ref('page_views') }}
    where not is_bot and {{ is_touched('day') }}

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        previous_page as from_page,
        page as to_page,

        -- numbers
        count(*) as transitions,
        count(distinct session_id) as sessions,
        count(distinct visitor_id) as visitors

    from page_views
    where previous_page is not null and page is not null
    group by client_id, site_id, date, previous_page, page

)

select * from final
