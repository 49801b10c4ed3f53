with requests as (

    select
        client_id,
        site_id,
        date,
        origin,
        coalesce(edge_location, '(unknown)') as edge_location,
        coalesce(edge_result, '(unknown)') as edge_result,
        coalesce(cast(floor(status / 100) as integer), 0) as status_class,
        status,
        bytes_sent,
        time_taken,
        is_bot
    from {{ ref('events') }}
    where {{ is_touched('day') }}
        -- a log of an edge tells of each request; of one of a server only page views are kept
        and (({{ is_request() }} and origin = 'cloudfront') or (event_type = 'page_view' and origin = 'access_log'))

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        origin,
        edge_location,
        edge_result,
        status_class,

        -- numbers
        count(*) as requests,
        count(case when is_bot then 1 end) as bot_requests,
        count(case when status = 404 then 1 end) as errors_404,
        -- a log can say any number: what no column holds is its largest, or nothing
        cast(least(coalesce(sum(bytes_sent), 0), 9223372036854775807) as bigint) as bytes_sent,
        -- to the microsecond, so that the sum does not depend on the order of the rows
        round(cast(avg(try_cast(time_taken as decimal(18, 6))) as double), 6) as avg_seconds,
        round({{ p75('time_taken') }}, 6) as p75_seconds

    from requests
    group by client_id, site_id, date, origin, edge_location, edge_result, status_class

)

select * from final
