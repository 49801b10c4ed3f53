with events as (

    select
        event_key, client_id, site_id, event_id, session_id, counted_visitor_id as visitor_id, event_type, page, {{ source_facts() | join(', ') }}, is_bot, date,
        received_hour, {{ says_where_from() }} as says_where,
        row_number() over (partition by session_id order by {{ event_order() }}) as place,
        occurred_at, received_at
    from {{ ref('int_events_joined') }}
    where session_id is not null and {{ is_act() }} and {{ is_touched('session') }}

),

-- the one a session begins with: its first page view, or its first act where it has none
entries as (

    select
        session_id,
        min_by(visitor_id, place) as first_visitor_id,
        coalesce(min(case when event_type = 'page_view' then place end), min(place)) as entry
    from events
    group by session_id

),

candidates as (

    select events.*, entries.first_visitor_id
    from events
    inner join entries on events.session_id = entries.session_id
    where events.place = entries.entry or (events.event_type = 'page_view' and events.says_where)

),

{{ named_sources('candidates') }},

shown as (

    select
        *,
        {{ shown_name('source', '(direct)') }} as shown_source,
        {{ shown_name('medium', '(none)') }} as shown_medium
    from channelled

),

compared as (

    select
        *,
        concat(channel, '|', shown_source, '|', shown_medium, '|', coalesce(utm_campaign, '')) as whole_source
    from shown

),

changes as (

    select *
    from (
        select *, lag(whole_source) over (partition by session_id order by place) as source_before
        from compared
    ) as in_order
    where source_before is null or whole_source <> source_before

),

final as (

    select
        -- ids
        event_key,
        client_id,
        site_id,
        event_id,
        session_id,
        first_visitor_id as visitor_id,

        -- strings
        page,
        case when plain_referrer is not null then referrer_host end as referrer_host,
        shown_source as source,
        shown_medium as medium,
        utm_campaign as campaign,
        channel,

        -- numbers
        cast(row_number() over (partition by session_id order by place) as bigint) as touch_number,

        -- booleans
        is_bot,

        -- dates and timestamps
        date,
        occurred_at,
        received_at,
        received_hour

    from changes

)

select * from final
