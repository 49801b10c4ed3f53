{{ config(meta={'rebuilt_by': 'revenue'}) }}

{{ revenue_by(['channel', 'source', 'medium', 'campaign']) }}
