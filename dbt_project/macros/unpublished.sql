{#-
    What publication has to write: the days, and the visitors, whose rows a run may have changed.

    A model notes them with the change itself, in one transaction, and they stay until what they say is published: a
    run that fails before it leaves them to the next one. `intermediate.published_snapshots` says which snapshot of a
    client holds all that is not noted. A client without one is published whole, so nothing is noted for it.
-#}
{% macro unpublished(name) %}{{ return(relation_in('intermediate', name)) }}{% endmacro %}

{% macro create_unpublished() %}
    create table if not exists {{ unpublished('unpublished_days') }} (model string, client_id string, day date){{ stored_as() }};
    create table if not exists {{ unpublished('unpublished_visitors') }} (
        client_id string, site_id string, visitor_id string
    ){{ stored_as() }};
    create table if not exists {{ unpublished('published_snapshots') }} (client_id string, snapshot string){{ stored_as() }};
{% endmacro %}

{#- A mart or report is what leaves the building; it alone is published. -#}
{% macro is_published() %}{{ return(model.schema == target.schema and model.config.materialized == 'rebuilt') }}{% endmacro %}

{#- The days of the rows of `source` for which `condition` holds. -#}
{% macro note_days(source, condition) %}
    {%- if is_published() %}
    insert into {{ unpublished('unpublished_days') }}
    select distinct '{{ model.name }}', client_id, date from {{ source }}
    where client_id in (select client_id from {{ unpublished('published_snapshots') }}) and ({{ condition }});
    {%- endif %}
{% endmacro %}

{#-
    Before a model's rows go and come: days that it made rows of, and days that were touched. What its rule removes
    beside these, the rule notes.
-#}
{% macro note_unpublished(made) %}
    {%- if is_published() and config.get('meta', {}).get('touched_by') == 'visitor' %}
    insert into {{ unpublished('unpublished_visitors') }}
    select distinct client_id, site_id, visitor_id from {{ touched() }}
    where client_id in (select client_id from {{ unpublished('published_snapshots') }}) and visitor_id is not null;
    {%- else %}
    {{ note_days(made, 'true') }}
    {{ note_days(touched(), 'date is not null') }}
    {%- endif %}
{% endmacro %}

{#- A table that was made whole: everybody is published whole. -#}
{% macro forget_published() %}
    {%- if is_published() %}
        {% call statement('forget_published') %}{{ emptied(unpublished('published_snapshots')) }}{% endcall %}
    {%- endif %}
{% endmacro %}
