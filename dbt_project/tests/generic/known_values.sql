{#-
    dbt's accepted_values, of a run's rows only, where `touched_by` names the model's grain (macros/touched.sql): the
    others were looked at when they were made.
-#}
{% test known_values(model, column_name, values, touched_by=none) %}

select {{ column_name }}, count(*) as rows_found
from {{ model }}
where {{ column_name }} not in ({{ quoted_list(values) }})
    {%- if touched_by and received_window() is not none %}
    and {{ among_touched(touched_by) }}
    {%- endif %}
group by {{ column_name }}

{% endtest %}
