{{ sessions_by({
    'channel': 'channel',
    'source': 'source',
    'medium': 'medium',
    'campaign': "coalesce(campaign, '(not set)')",
}) }}
