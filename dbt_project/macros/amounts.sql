{#-
    From `relation`, with the columns props and event_type, to the same with `amount` (decimal(18, 4)), `amount_currency`
    and `is_amount_unreadable`: steps of a `with`, the last of which is `priced`. An amount is read where it has one
    reading only: `1.996` of a text may be two thousand or two.
-#}
{% macro reading_amounts(relation) %}
said as (

    select
        *,
        {{ only_with('revenue', json_text('props', 'revenue')) }} as said_revenue,
        coalesce({{ only_with('revenue', json_is_text('props', 'revenue')) }}, false) as is_text,
        {{ only_with('revenue', said_currency('props')) }} as said_currency
    from {{ relation }}

),

-- {amount, currency} as one
taken as (

    select
        *,
        case
            when not is_text and substr(said_revenue, 1, 1) = '{'
                then coalesce({{ json_text('said_revenue', 'amount') }}, {{ json_text('said_revenue', 'value') }}, '')
            else said_revenue
        end as said_amount,
        case
            when not is_text and substr(said_revenue, 1, 1) = '{'
                then case
                    when {{ json_text('said_revenue', 'amount') }} is not null then {{ json_is_text('said_revenue', 'amount') }}
                    else {{ json_is_text('said_revenue', 'value') }}
                end
            else is_text
        end as is_amount_text,
        case
            when not is_text and substr(said_revenue, 1, 1) = '{'
                then coalesce({{ said_currency('said_revenue') }}, said_currency)
            else said_currency
        end as currency_text
    from said

),

-- one kind of space, apostrophe and minus
plainly as (

    select
        *,
        case
            when is_amount_text
                then upper(trim(translate(said_amount, {{ odd_signs() }}, {{ plain_signs() }})))
        end as plain_spelling,
        {{ currency_code('upper(trim(currency_text))') }} as told_currency
    from taken

),

-- books of accounts have the minus behind the cents (`199-` is a price, too), or brackets in its place
spelled as (

    select
        *,
        case
            when plain_spelling = regexp_extract(plain_spelling, '^[(][^()+-]+[)]$', 0)
                then concat('-', trim(substr(plain_spelling, 2, length(plain_spelling) - 2)))
            when plain_spelling = regexp_extract(plain_spelling, '^[0-9]([0-9., '']*[0-9])?[.,][0-9]{2}-$', 0)
                then concat('-', substr(plain_spelling, 1, length(plain_spelling) - 1))
            else plain_spelling
        end as spelling
    from plainly

),

apart as (

    select
        *,
        {% for group, part in ((1, 'sign_before'), (2, 'unit_before'), (3, 'sign_behind'), (4, 'figure'), (5, 'no_cents'), (6, 'unit_behind')) -%}
        regexp_extract(spelling, {{ amount_pattern() }}, {{ group }}) as {{ part }}{{ ',' if not loop.last }}
        {% endfor %}
    from spelled

),

-- `1.996,-` and `1.996:-` are `1.996,00`
told as (

    select
        *,
        case
            when no_cents = '' then trim(figure)
            when substr(no_cents, 1, 1) = ':' then concat(trim(figure), case when position('.' in figure) > 0 then ',00' else '.00' end)
            else concat(trim(figure), substr(no_cents, 1, 1), '00')
        end as whole_figure,
        {{ currency_code('unit_before') }} as currency_before,
        {{ currency_code('unit_behind') }} as currency_behind
    from apart

),

figured as (

    select
        *,
        -- of a currency without cents thousands are divided, and nothing else; a bare dollar is no yen
        case
            when coalesce(currency_behind, currency_before, told_currency) in ({{ quoted_list(without_cents()) }})
                and ('$' not in (unit_before, unit_behind) or told_currency = 'CLP')
                and whole_figure = regexp_extract(whole_figure, {{ may_be_thousands() }}, 0)
                then translate(whole_figure, '.,', '')
            else {{ decimal_text('whole_figure') }}
        end as digits,
        case when unit_behind = '' then unit_before else unit_behind end as unit,
        coalesce(currency_behind, currency_before) as unit_currency
    from told

),

valued as (

    select
        *,
        case
            when not is_amount_text then try_cast(said_amount as decimal(18, 4))
            when spelling = regexp_extract(spelling, '^[+-]?[0-9]+([.][0-9]+)?E[+-]?[0-9]+$', 0)
                then try_cast(spelling as decimal(18, 4))
            when (sign_before = '' or sign_behind = '') and coalesce(currency_before = currency_behind, true)
                then try_cast(concat(case when concat(sign_before, sign_behind) = '-' then '-' else '' end, digits) as decimal(18, 4))
        end as value
    from figured

),

-- two currencies are two readings
decided as (

    select
        *,
        case when unit_currency <> told_currency and unit not in ({{ quoted_list(shared_signs()) }}) then null else value end as read_value
    from valued

),

priced as (

    select
        *,
        -- money that goes back is less, whatever its sign
        case when {{ is_refund() }} then cast(0 - abs(read_value) as decimal(18, 4)) else read_value end as amount,
        case when read_value is not null then coalesce(told_currency, unit_currency) end as amount_currency,
        said_revenue is not null and read_value is null as is_amount_unreadable
    from decided

)
{% endmacro %}

{#- An expression over props that is only worth its work where they name such a thing; null elsewhere. -#}
{% macro only_with(field, expression) -%}
    case when position('"{{ field }}"' in props) > 0 then {{ expression }} end
{%- endmacro %}

{#- Spaces that do not break, narrow and thin ones, tabs and ends of lines, apostrophes, and minus signs; and what each stands for. -#}
{% macro odd_signs() %}{{ return("'\u00a0\u202f\u2009\u2007\t\n\r\u2019\u02bc\u2212\u2013\u2014'") }}{% endmacro %}
{% macro plain_signs() %}{{ return("'       ''''---'") }}{% endmacro %}

{#- One divider, and three digits behind it. -#}
{% macro may_be_thousands() %}{{ return("'^[1-9][0-9]{0,2}[.,][0-9]{3}$'") }}{% endmacro %}

{#- Sign, unit, sign, figure, `,-` for no cents, unit: `-€ 49,90`, `EUR 1,996.00`, `49,- kr`. -#}
{% macro amount_pattern() -%}
    {%- set sign = "[$€£¥₹₺₩₪₴₽₫₦₱฿₸₡₲₵₨]" -%}
    {%- set unit = "([A-Z]{3}|[A-Z]{3} " ~ sign ~ "|[A-Z]{0,3}" ~ sign ~ "|(?:KR|FR|RS|RP|RM)[.]?|S/[.]?|R|ZŁ|KČ|FT)?" -%}
    {{ return("'^([+-]?) ?" ~ unit ~ " ?([+-]?) ?([0-9][0-9 .,'']*|[.,][0-9]+)([.,:]--?)? ?" ~ unit ~ "$'") }}
{%- endmacro %}

{#-
    A figure as a decimal; null where it has no reading, or two: a single comma or point before exactly three digits
    may divide thousands or cents, unless no thousands can stand before it.
-#}
{% macro decimal_text(figure) -%}
    {%- set is_like = {
        'whole': '[0-9]+[.,]?',
        'decimal': '[0-9]*[.,][0-9]+',
        'commas': '[1-9][0-9]{0,2}(,[0-9]{3})+([.][0-9]+)?',
        'points': '[1-9][0-9]{0,2}([.][0-9]{3})+(,[0-9]+)?',
        'spaces': "[1-9][0-9]{0,2}([ ''][0-9]{3})+([.,][0-9]+)?",
        'lakhs': '[1-9][0-9]?(,[0-9]{2})+,[0-9]{3}([.][0-9]+)?',
    } -%}
    {%- set fits -%}{{ figure }} <> '' and {{ figure }} = regexp_extract({{ figure }}, '^{}$', 0){%- endset -%}
    case
        when {{ fits | replace('{}', is_like['whole']) }} then translate({{ figure }}, '.,', '')
        when {{ figure }} = regexp_extract({{ figure }}, {{ may_be_thousands() }}, 0) then null
        when {{ fits | replace('{}', is_like['decimal']) }} then concat('0', replace({{ figure }}, ',', '.'))
        when {{ fits | replace('{}', is_like['commas']) }} then replace({{ figure }}, ',', '')
        when {{ fits | replace('{}', is_like['points']) }} then replace(replace({{ figure }}, '.', ''), ',', '.')
        when {{ fits | replace('{}', is_like['spaces']) }} then translate({{ figure }}, ', ''', '.')
        when {{ fits | replace('{}', is_like['lakhs']) }} then replace({{ figure }}, ',', '')
    end
{%- endmacro %}
