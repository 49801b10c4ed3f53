with page_views as (

    select * from {{ ref('page_views') }}
    where not is_bot and page is not null and {{ is_touched('day') }}

),

sessions as (

    select * from {{ ref('sessions') }}
    where not is_bot and {{ is_touched('day') }}

),

viewed as (

    select
        client_id,
        site_id,
        date,
        page,
        max_by(page_group, case when page_group is not null then page_view_order end) as page_group,
        max_by(title, case when title is not null then page_view_order end) as title,
        count(*) as page_views,
        count(distinct visitor_id) as visitors,
        count(distinct session_id) as sessions,
        sum(engaged_seconds) as engaged_seconds,
        count(max_scroll_percent) as views_with_scroll,
        coalesce(sum(max_scroll_percent), 0) as scroll_percents,
        {%- for depth in (25, 50, 75, 100) %}
        count(case when max_scroll_percent >= {{ depth }} then 1 end) as scrolled_{{ depth }},
        {%- endfor %}
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from (
        select
            *,
            row_number() over (partition by client_id, site_id, date, page order by occurred_at, event_id) as page_view_order
        from page_views
    ) as ordered
    group by client_id, site_id, date, page

),

entered as (

    select
        client_id, site_id, date, landing_page as page,
        count(*) as entrances,
        count(case when is_bounce then 1 end) as bounces
    from sessions
    where landing_page is not null
    group by client_id, site_id, date, landing_page

),

left_from as (

    select client_id, site_id, date, exit_page as page, count(*) as exits
    from sessions
    where exit_page is not null
    group by client_id, site_id, date, exit_page

),

-- a session that began yesterday may have left today's page: it counts on the day it began
keys as (

    select client_id, site_id, date, page from viewed
    union
    select client_id, site_id, date, page from entered
    union
    select client_id, site_id, date, page from left_from

),

final as (

    select
        -- ids
        keys.client_id,
        keys.site_id,
        keys.date,
        keys.page,

        -- strings
        viewed.page_group,
        viewed.title,

        -- numbers
        coalesce(viewed.page_views, 0) as page_views,
        coalesce(viewed.visitors, 0) as visitors,
        coalesce(viewed.sessions, 0) as sessions,
        coalesce(entered.entrances, 0) as entrances,
        coalesce(entered.bounces, 0) as bounces,
        {{ ratio('entered.bounces', 'entered.entrances') }} as bounce_rate,
        coalesce(left_from.exits, 0) as exits,
        cast(coalesce(viewed.engaged_seconds, 0) as decimal(18, 3)) as engaged_seconds,
        {{ ratio('viewed.engaged_seconds', 'viewed.page_views', 3) }} as avg_engaged_seconds,
        {{ ratio('viewed.scroll_percents', 'viewed.views_with_scroll', 2) }} as avg_scroll_pct,
        {%- for depth in (25, 50, 75, 100) %}
        coalesce(viewed.scrolled_{{ depth }}, 0) as scrolled_{{ depth }},
        {%- endfor %}

        -- timestamps
        viewed.first_seen_at,
        viewed.last_seen_at

    from keys
    left join viewed
        on keys.client_id = viewed.client_id and keys.site_id = viewed.site_id
        and keys.date = viewed.date and keys.page = viewed.page
    left join entered
        on keys.client_id = entered.client_id and keys.site_id = entered.site_id
        and keys.date = entered.date and keys.page = entered.page
    left join left_from
        on keys.client_id = left_from.client_id and keys.site_id = left_from.site_id
        and keys.date = left_from.date and keys.page = left_from.page

)

select * from final
