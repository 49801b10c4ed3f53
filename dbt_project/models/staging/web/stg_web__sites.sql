with sites as (

    select
        client_id,
        site_id,
        timezone,
        coalesce(timeout_minutes, {{ var('session_timeout_minutes') | int }}) as timeout_minutes,
        coalesce(cut_at_midnight, false) as cut_at_midnight,
        coalesce(cut_on_campaign, false) as cut_on_campaign,
        coalesce(conversions, '{{ purchase_event_types() | join(",") }}') as conversions,
        properties

    from {{ source('ingest', 'sites') }}

),

currencies as (

    select client_id, site_id, currency from {{ source('ingest', 'site_currencies') }}

),

-- a release of the time zone database that told past days of a zone otherwise; days that were told more than once
-- are counted, because a release may come back after a newer one
changes as (

    select
        zone,
        concat(
            max(version),
            case when count(*) > count(distinct date) then concat('.', cast(count(*) as string)) else '' end
        ) as version
    from {{ source('ingest', 'zone_changes') }}
    group by zone

),

final as (

    select
        sites.client_id,
        sites.site_id,
        sites.timezone,
        sites.conversions,
        concat(
            sites.timezone, ' ', cast(timeout_minutes as string), ' ', cast(cut_at_midnight as string), ' ',
            cast(cut_on_campaign as string), ' ', conversions,
            concat(' ', coalesce(currencies.currency, '')),
            concat(' ', coalesce(changes.version, '')),
            concat(' by ', coalesce(properties, ''))
        ) as settings,
        currencies.currency,
        sites.timeout_minutes,
        sites.cut_at_midnight,
        sites.cut_on_campaign

    from sites
    left join currencies on sites.client_id = currencies.client_id and sites.site_id = currencies.site_id
    left join changes on sites.timezone = changes.zone

)

select * from final
