-- How far down are pages read: which share of their views reaches a quarter, half, three quarters, the end?
select
    client_id,
    site_id,
    page,
    sum(page_views) as page_views,
    {{ ratio('sum(scrolled_25)', 'sum(page_views)') }} as to_25,
    {{ ratio('sum(scrolled_50)', 'sum(page_views)') }} as to_50,
    {{ ratio('sum(scrolled_75)', 'sum(page_views)') }} as to_75,
    {{ ratio('sum(scrolled_100)', 'sum(page_views)') }} as to_the_end

from {{ ref('pages_daily') }}
where {{ asked() }}
group by client_id, site_id, page
having sum(page_views) > 0
order by page_views desc, client_id, site_id, page
