with sites as (

    select
        client_id,
        site_id,
        timezone,
        coalesce(timeout_minutes, {{ var('session_timeout_minutes') | int }}) as timeout_minutes,
        coalesce(cut_at_midnight, false) as cut_at_midnight,
        coalesce(cut_on_campaign, false) as cut_on_campaign,
        coalesce(conversions, 'purchase') as conversions

    from {{ source('ingest', 'sites') }}

),

final as (

    select
        client_id,
        site_id,
        timezone,
        conversions,
        concat(
            timezone, ' ', cast(timeout_minutes as varchar), ' ', cast(cut_at_midnight as varchar), ' ',
            cast(cut_on_campaign as varchar), ' ', conversions
        ) as settings,
        timeout_minutes,
        cut_at_midnight,
        cut_on_campaign

    from sites

)

select * from final
