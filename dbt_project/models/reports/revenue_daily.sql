{{ config(meta={'rebuilt_by': 'revenue'}) }}

{{ revenue_by([]) }}
