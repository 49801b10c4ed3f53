{#-
    The channel of a session: GA4's default channel group, in its order; the first rule that fits decides.

    source, medium, campaign: lower case and trimmed, null where nothing is known.
    category: what the source is known as (seed referrer_hosts): search, social, ai_assistant, email, video, shopping, ads.

    Differs from the published rules in two points. A known AI assistant counts as one whatever its (unpaid) medium,
    because assistants tag their links with utm_source alone; its place in Google's order is not published, and here it
    stands before the organic rules. A referrer that is an advertising network is Display. docs/sources.md names where
    other tools differ.
-#}
{% macro channel(source, medium, campaign, category) -%}
    {%- set paid = "regexp_extract(" ~ medium ~ ", '^(.*cp.*|ppc|retargeting|paid.*)$', 1) <> ''" -%}
    {%- set shop = "regexp_extract(" ~ campaign ~ ", '(([^a-df-z]|^)shop|shopping)', 1) <> ''" -%}
    case
        when ({{ source }} is null or {{ source }} = '(direct)')
            and ({{ medium }} is null or {{ medium }} in ('(none)', '(not set)'))
            and {{ campaign }} is null then 'Direct'
        when {{ campaign }} like '%cross-network%' then 'Cross-network'
        when ({{ category }} = 'shopping' or {{ shop }}) and {{ paid }} then 'Paid Shopping'
        when {{ category }} = 'search' and {{ paid }} then 'Paid Search'
        when {{ category }} = 'social' and {{ paid }} then 'Paid Social'
        when {{ category }} = 'video' and {{ paid }} then 'Paid Video'
        when {{ medium }} in ('display', 'banner', 'expandable', 'interstitial', 'cpm') then 'Display'
        when {{ paid }} then 'Paid Other'
        when {{ medium }} = 'ai-assistant' or {{ category }} = 'ai_assistant' then 'AI Assistant'
        when {{ category }} = 'shopping' or {{ shop }} then 'Organic Shopping'
        when {{ category }} = 'social'
            or {{ medium }} in ('social', 'social-network', 'social-media', 'sm', 'social network', 'social media')
            then 'Organic Social'
        when {{ category }} = 'video' or {{ medium }} like '%video%' then 'Organic Video'
        when {{ category }} = 'search' or {{ medium }} = 'organic' then 'Organic Search'
        when {{ medium }} in ('referral', 'app', 'link') then 'Referral'
        when {{ source }} in ('email', 'e-mail', 'e_mail', 'e mail')
            or {{ medium }} in ('email', 'e-mail', 'e_mail', 'e mail') then 'Email'
        when {{ medium }} = 'affiliate' then 'Affiliates'
        when {{ medium }} = 'audio' then 'Audio'
        when {{ source }} = 'sms' or {{ medium }} = 'sms' then 'SMS'
        when {{ medium }} like '%push' or {{ medium }} like '%mobile%' or {{ medium }} like '%notification%'
            or {{ source }} = 'firebase' then 'Mobile Push Notifications'
        else 'Unassigned'
    end
{%- endmacro %}

{#-
    The advertising network whose click id a query carries, by its name in referrer_hosts; null without one. Ids that
    networks also add to links nobody paid for (fbclid, igshid) are none.
-#}
{% macro click_network(query) -%}
    {%- set networks = {
        'google': ['gclid', 'gbraid', 'wbraid', 'dclid', 'gad_source', 'gad_campaignid'], 'bing': ['msclkid'], 'tiktok': ['ttclid'], 'x': ['twclid'],
        'linkedin': ['li_fat_id'], 'reddit': ['rdt_cid'], 'snapchat': ['sccid'], 'yandex': ['yclid'],
        'pinterest': ['epik'], 'quora': ['qclid'], 'taboola': ['tblci'], 'outbrain': ['dicbo'],
    } -%}
    {%- set id -%}
    lower(regexp_extract({{ query }}, '(?i)(^|&)({{ networks.values() | sum(start=[]) | join("|") }})=[^&]', 2))
    {%- endset -%}
    case
        {%- for network, ids in networks.items() %}
        when {{ id }} in ({{ quoted_list(ids) }}) then '{{ network }}'
        {%- endfor %}
    end
{%- endmacro %}

{#-
    Whether a referrer says more than a click id: it is known, and neither the network's own nor that of a place that
    shows its advertisements. An address is often copied with its click id, and comes back from elsewhere.
-#}
{% macro says_more_than_click(source, category, network) -%}
    coalesce({{ category }} in ('social', 'ai_assistant', 'email', 'video', 'shopping', 'search')
        and {{ source }} <> {{ network }}
        and not ({{ network }} = 'google' and {{ category }} in ('search', 'video'))
        and not ({{ network }} = 'bing' and {{ category }} = 'search'), false)
{%- endmacro %}

{#- Text to match rules on: lower case and trimmed; null where a tool wrote that it knows nothing. -#}
{% macro normalised(text) -%}
    nullif(regexp_replace(lower(trim({{ text }})), '^([(]not set[)]|[(]none[)]|none|null|undefined)$', ''), '')
{%- endmacro %}
