-- What is clicked most on each page?
select
    client_id,
    site_id,
    page,
    tag,
    element_id,
    text,
    link,
    sum(clicks) as clicks

from {{ ref('clicks_daily') }}
where {{ asked() }}
group by client_id, site_id, page, tag, element_id, text, link
order by clicks desc, client_id, site_id, page, tag, element_id, text, link
limit 100
