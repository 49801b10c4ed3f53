-- Where do visits end, and which share of a page's views is the last of its visit?
select
    client_id,
    site_id,
    page,
    sum(exits) as exits,
    {{ ratio('sum(exits)', 'sum(page_views)') }} as exit_rate

from {{ ref('pages_daily') }}
where {{ asked() }}
group by client_id, site_id, page
having sum(exits) > 0
order by exits desc, client_id, site_id, page
