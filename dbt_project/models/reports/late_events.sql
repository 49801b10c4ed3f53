with sites as (

    select * from {{ ref('stg_web__sites') }}

),

events as (

    select client_id, site_id, date, occurred_at, received_at, received_hour
    from {{ ref('events') }}
    where not {{ is_request() }} and {{ is_touched('day') }}

),

timed as (

    select
        events.*,
        {{ seconds_between('events.occurred_at', 'events.received_at') }} as seconds_late,
        {{ day_start(days_later('events.date', 1), 'tomorrow') }} as day_ended_at
    from events
    left join sites on events.client_id = sites.client_id and events.site_id = sites.site_id
    {{ join_zone_days('tomorrow', "coalesce(sites.timezone, 'UTC')", days_later('events.date', 1)) }}
    -- late: received in a later hour than the one it occurred in, whose files are out already
    where events.occurred_at < events.received_hour

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        received_hour,

        -- numbers
        count(*) as events,
        count(case when received_at >= day_ended_at then 1 end) as after_the_day,
        count(
            case when received_at >= day_ended_at + interval {{ var('late_tolerance_hours') | int }} hour then 1 end
        ) as after_final,
        cast(max(seconds_late) as decimal(18, 3)) as longest_seconds

    from timed
    group by client_id, site_id, date, received_hour

)

select * from final
