{{ sessions_by({
    'country': "coalesce(country, '(unknown)')",
    'region': "coalesce(region, '(unknown)')",
    'city': "coalesce(city, '(unknown)')",
}) }}
