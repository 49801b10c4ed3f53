-- How many different visitors come on each day, and how many on average over the last seven days with visits?
select
    client_id,
    site_id,
    date,
    visitors,
    round(avg(visitors) over (
        partition by client_id, site_id order by date rows between 6 preceding and current row
    ), 2) as seven_day_average

from {{ ref('daily_metrics') }}
where {{ asked() }}
order by client_id, site_id, date
