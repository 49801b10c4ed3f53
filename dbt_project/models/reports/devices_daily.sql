{{ sessions_by({
    'device': "coalesce(device, '(unknown)')",
    'browser': "coalesce(browser, '(unknown)')",
    'os': "coalesce(os, '(unknown)')",
}) }}
