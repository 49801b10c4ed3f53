{#- The currency that an object says, by the names that shops give it. -#}
{% macro said_currency(document) -%}
    coalesce(
        {{ json_text(document, 'currency') }}, {{ json_text(document, 'currencyCode') }}, {{ json_text(document, 'currency_code') }}
    )
{%- endmacro %}

{#- Currencies that are paid in whole ones: ISO 4217 gives them no minor unit. -#}
{% macro without_cents() %}
    {{ return(['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF']) }}
{% endmacro %}

{#- Three letters, or those that a sign stands for; null where it stands for several. -#}
{% macro currency_code(text) -%}
    {%- set signs = {
        '€': 'EUR', '£': 'GBP', '₹': 'INR', '₺': 'TRY', '₩': 'KRW', '₪': 'ILS', '₴': 'UAH', '₽': 'RUB', '₫': 'VND', '₦': 'NGN',
        '₱': 'PHP', '฿': 'THB', 'ZŁ': 'PLN', 'KČ': 'CZK', 'FT': 'HUF', 'LEI': 'RON', 'US$': 'USD', 'CA$': 'CAD', 'C$': 'CAD',
        'A$': 'AUD', 'AU$': 'AUD', 'NZ$': 'NZD', 'HK$': 'HKD', 'SG$': 'SGD', 'S$': 'SGD', 'MX$': 'MXN', 'R$': 'BRL',
        'NT$': 'TWD', 'RM': 'MYR', 'RP': 'IDR', 'RP.': 'IDR', 'S/': 'PEN', 'S/.': 'PEN', 'R': 'ZAR', '₸': 'KZT', '₡': 'CRC', '₲': 'PYG',
        '₵': 'GHS', 'GH₵': 'GHS', 'KSH': 'KES', 'TSH': 'TZS', 'USH': 'UGX', 'SFR': 'CHF',
    } -%}
    case {{ text }}
        {%- for sign, code in signs.items() %}
        when '{{ sign }}' then '{{ code }}'
        {%- endfor %}
        else nullif(regexp_extract({{ text }}, '^([A-Z]{3})( ?[$€£¥])?$', 1), '')
    end
{%- endmacro %}

{#- Signs that more than one currency has, of which the property currency decides. -#}
{% macro shared_signs() %}{{ return(['£', 'S$', 'C$', 'A$']) }}{% endmacro %}
