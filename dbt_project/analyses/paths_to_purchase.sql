-- Which pages does a visit see before it buys?
select
    purchases.client_id,
    purchases.site_id,
    views.page,
    count(distinct purchases.session_id) as buying_sessions

from {{ ref('conversions') }} as purchases
inner join {{ ref('page_views') }} as views
    on purchases.session_id = views.session_id and views.occurred_at <= purchases.occurred_at
where {{ asked(of='purchases.') }} and {{ asked(of='views.') }}
    and purchases.conversion in ({{ quoted_list(purchase_event_types()) }}) and not purchases.is_bot
group by purchases.client_id, purchases.site_id, views.page
order by buying_sessions desc, purchases.client_id, purchases.site_id, views.page
