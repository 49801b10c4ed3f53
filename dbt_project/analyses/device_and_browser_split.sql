-- Which share of the visits has which device and browser?
with by_device as (

    select client_id, site_id, device, browser, sum(sessions) as sessions
    from {{ ref('devices_daily') }}
    where {{ asked() }}
    group by client_id, site_id, device, browser

)

select
    *,
    {{ ratio('sessions', 'sum(sessions) over (partition by client_id, site_id)') }} as share

from by_device
order by client_id, site_id, sessions desc, device, browser
