{{ sessions_by({
    'channel': 'channel',
    'source': 'source',
    'medium': 'medium',
    'campaign': "coalesce(campaign, '(not set)')",
    'term': "coalesce(term, '(not set)')",
    'content': "coalesce(content, '(not set)')",
}) }}
