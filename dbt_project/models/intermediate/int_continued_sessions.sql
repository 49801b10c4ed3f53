{{ config(materialized='view') }}

with bridges as (

    select * from {{ ref('int_session_bridges') }}
    where continues_session_id is not null

),

links as (

    select * from bridges
    where claimed_visitor_id is not null

),

-- once only: a session that continues one is not continued itself, nor is one whose visitor has consented
over_midnight as (

    select bridges.session_id, bridges.continues_session_id
    from bridges
    left join bridges as before
        on bridges.continues_session_id = before.session_id and before.claimed_visitor_id is null
    left join links on bridges.continues_session_id = links.continues_session_id
    where bridges.claimed_visitor_id is null
        and before.session_id is null
        and links.session_id is null

),

-- what a consent found may have gone on over midnight before
linked as (

    select
        links.session_id,
        coalesce(over_midnight.continues_session_id, links.continues_session_id) as continues_session_id,
        links.linked_visitor_id
    from links
    left join over_midnight on links.continues_session_id = over_midnight.session_id

),

linked_whole as (

    select continues_session_id, min(linked_visitor_id) as linked_visitor_id
    from linked
    group by continues_session_id

),

parts as (

    select session_id, continues_session_id from over_midnight
    union all
    select session_id, continues_session_id from linked

),

final as (

    select parts.session_id, parts.continues_session_id, linked_whole.linked_visitor_id
    from parts
    left join linked_whole on parts.continues_session_id = linked_whole.continues_session_id

    union all

    select continues_session_id as session_id, continues_session_id, linked_visitor_id from linked_whole

)

select * from final
