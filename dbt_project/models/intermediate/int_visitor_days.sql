{{ config(group='reporting', meta={'touched_by': 'day'}) }}

select distinct
    client_id,
    site_id,
    visitor_id,
    date

from {{ ref('sessions') }}
-- the ids of the other tiers are gone with the day
where consent_tier = 3 and visitor_id is not null and not is_bot
    and {{ is_touched('day') }}
