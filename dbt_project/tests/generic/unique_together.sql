{#-
    No two rows agree in all of `columns`. Of a run's models only what the run touched is looked at, where
    `touched_by` names its grain (macros/touched.sql): a test must not cost more than the models.
-#}
{% test unique_together(model, columns, touched_by=none) %}

select {{ columns | join(', ') }}, count(*) as rows_found
from {{ model }}
{%- if touched_by and received_window() is not none %}
where {{ among_touched(touched_by) }}
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
