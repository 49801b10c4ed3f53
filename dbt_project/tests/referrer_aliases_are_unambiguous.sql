-- A host or a source name stands for one source of one category; else a session would be counted twice.
select alias
from (
    select host as alias, source, category from {{ ref('referrer_hosts') }}
    union
    select source as alias, source, category from {{ ref('referrer_hosts') }}
) as aliases
group by alias
having count(*) > 1

union all

-- A host that the models strip further would never be found.
select host as alias
from {{ ref('referrer_hosts') }}
where host <> {{ plain_host('host') }} or host <> lower(host)
