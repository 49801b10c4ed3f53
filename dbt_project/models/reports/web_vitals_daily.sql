with measured as (

    select
        client_id,
        site_id,
        date,
        page,
        coalesce(device, '(unknown)') as device,
        {%- for vital in ('lcp_ms', 'inp_ms', 'cls', 'fcp_ms', 'ttfb_ms') %}
        {{ web_vital(vital) }} as {{ vital }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('events') }}
    where event_type = 'web_vitals' and not is_bot and {{ is_touched('day') }}

),

final as (

    select
        -- ids
        client_id,
        site_id,
        date,
        coalesce(page, '(unknown)') as page,
        device,

        -- numbers
        count(*) as measurements,
        round({{ p75('lcp_ms') }}, 3) as lcp_p75_ms,
        round({{ p75('inp_ms') }}, 3) as inp_p75_ms,
        round({{ p75('cls') }}, 5) as cls_p75,
        round({{ p75('fcp_ms') }}, 3) as fcp_p75_ms,
        round({{ p75('ttfb_ms') }}, 3) as ttfb_p75_ms

    from measured
    group by client_id, site_id, date, coalesce(page, '(unknown)'), device

)

select * from final
