-- Which share of a day's known visitors was here before? Of visitors who allow a lasting id only.
select
    client_id,
    site_id,
    date,
    new_visitors,
    returning_visitors,
    {{ ratio('returning_visitors', 'new_visitors + returning_visitors') }} as returning_share

from {{ ref('daily_metrics') }}
where {{ asked() }} and new_visitors + returning_visitors > 0
order by client_id, site_id, date
