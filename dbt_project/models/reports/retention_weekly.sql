{{ config(materialized='table', tags=['whole']) }}

with weeks as (

    select distinct
        client_id,
        site_id,
        visitor_id,
        cast(date_trunc('week', date) as date) as week
    from {{ ref('int_visitor_days') }}

),

-- the first week of who is still seen, where its events are gone (docs/lifecycle.md)
firsts as (

    select client_id, site_id, visitor_id, week from weeks
    union all
    select client_id, site_id, visitor_id, cast(date_trunc('week', first_date) as date) as week
    from {{ ingested('carried_visitors') }}

),

cohorts as (

    select client_id, site_id, visitor_id, min(week) as cohort_week
    from firsts
    group by client_id, site_id, visitor_id

),

sizes as (

    select client_id, site_id, cohort_week, count(*) as cohort_visitors
    from cohorts
    group by client_id, site_id, cohort_week

),

returned as (

    select
        cohorts.client_id,
        cohorts.site_id,
        cohorts.cohort_week,
        {{ weeks_between('cohorts.cohort_week', 'weeks.week') }} as weeks_later,
        count(*) as visitors
    from cohorts
    inner join weeks
        on cohorts.client_id = weeks.client_id
        and cohorts.site_id = weeks.site_id
        and cohorts.visitor_id = weeks.visitor_id
    group by cohorts.client_id, cohorts.site_id, cohorts.cohort_week, {{ weeks_between('cohorts.cohort_week', 'weeks.week') }}

),

final as (

    select
        -- ids
        returned.client_id,
        returned.site_id,
        returned.cohort_week,
        returned.weeks_later,

        -- numbers
        sizes.cohort_visitors,
        returned.visitors,
        {{ ratio('returned.visitors', 'sizes.cohort_visitors') }} as retention

    from returned
    inner join sizes
        on returned.client_id = sizes.client_id
        and returned.site_id = sizes.site_id
        and returned.cohort_week = sizes.cohort_week

)

select * from final
