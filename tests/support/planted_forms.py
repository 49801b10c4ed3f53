"""A second corpus for the scrub, written another way, after the rules were mended by the first.

Forms, logs and single-page applications instead of plain fields.
"""

import json
import random
import string
from base64 import urlsafe_b64encode
from urllib.parse import quote, quote_plus

from support.planted_places import Case
from support.planted_texts import HARMLESS, iban, luhn_digit, words

T = "https://www.acme-store.example"


def ev(**k):
    COUNT[0] += 1
    return json.dumps(
        {"id": f"x{COUNT[0]:07d}", "type": "click", "url": T + "/", "occurred_at": 1796043902123} | k,
        ensure_ascii=COUNT[0] % 2 == 0,
    ).encode()


COUNT = [0]

R = random.Random(99)


def digits(n):
    return "".join(R.choices(string.digits, k=n))


def alnum(n, a=string.ascii_letters + string.digits):
    return "".join(R.choices(a, k=n))


def email():
    local = R.choice(
        words("max.mustermann j.doe+shop info support-team x_y.z FRANCOIS maría li4 kundenservice o'connor")
    )
    host = R.choice(
        words("gmail.com web.de firma.museum müller.de uni-bonn.de x.y.z.example.io example.xn--p1ai")
    )
    return f"{local}@{host}"


def card():
    p, n = R.choice(
        [
            ("4", 16),
            ("4", 19),
            ("52", 16),
            ("2300", 16),
            ("371", 15),
            ("6011", 16),
            ("3530", 16),
            ("3600", 14),
            ("6221", 16),
            ("5018", 16),
        ]
    )
    d = p + digits(n - len(p) - 1)
    d += luhn_digit(d)
    f = R.choice(["plain", "4s", "4d", "4nb", "4dot"])
    g = [d[i : i + 4] for i in range(0, len(d), 4)] if n != 15 else [d[:4], d[4:10], d[10:]]
    if n == 14:
        g = [d[:4], d[4:10], d[10:]]
    return {
        "plain": d,
        "4s": " ".join(g),
        "4d": "-".join(g),
        "4nb": "\xa0".join(g),
        "4dot": "  ".join(g) if False else " ".join(g),
    }[f]


def ssn():
    return f"{R.randint(1, 665):03d}-{R.randint(1, 99):02d}-{R.randint(1, 9999):04d}"


def jwt():
    return (
        ".".join(
            urlsafe_b64encode(json.dumps(x).encode()).decode().rstrip("=")
            for x in (
                {"typ": "JWT", "alg": "none", "kid": alnum(6)},
                {"name": "Ann", "exp": int(digits(9))},
            )
        )
        + "."
        + alnum(43, string.ascii_letters + "-_09")
    )


def tok():
    return R.choice(
        [
            lambda: "AKIA" + alnum(16, string.ascii_uppercase + string.digits),
            lambda: "ASIA" + alnum(16, string.ascii_uppercase + string.digits),
            lambda: "sk_live_51" + alnum(R.choice([22, 97])),
            lambda: "rk_live_" + alnum(24),
            lambda: "ghp_" + alnum(36),
            lambda: "ghs_" + alnum(36),
            lambda: "github_pat_11" + alnum(20) + "_" + alnum(59),
            lambda: "glpat-" + alnum(20),
            lambda: f"xoxb-{digits(12)}-{digits(12)}-{alnum(24)}",
            lambda: "xoxp-" + digits(10) + "-" + digits(10) + "-" + alnum(20),
            lambda: "AIzaSy" + alnum(33, string.ascii_letters + "-_01"),
            lambda: "npm_" + alnum(36),
            lambda: "SG." + alnum(22) + "." + alnum(43),
            lambda: "hf_" + alnum(34, string.ascii_letters),
        ]
    )()


def whereabouts(t):
    q = quote(t)
    qp = quote_plus(t)
    yield ("og title", ev(title=f"{t} – Profile · ACME"))
    yield ("title tail", ev(title=f"Order confirmation for {t}" if "@" in t else f"Thanks! {t}"))
    yield ("title colon", ev(title=f"Contact: {t}"))
    yield ("path last", ev(url=f"{T}/account/{q}"))
    yield ("path mid", ev(url=f"{T}/u/{q}/settings?tab=1"))
    yield ("matrix", ev(url=f"{T}/u;who={q}/x"))
    yield ("query", ev(url=f"{T}/find?utm_source=x&term={qp}"))
    yield ("query no name", ev(url=f"{T}/find?{q}"))
    yield ("query last+frag", ev(url=f"{T}/find?term={q}#top"))
    yield ("frag", ev(url=f"{T}/find#{q}"))
    yield ("frag bang", ev(url=f"{T}/#!/inbox/{q}"))
    yield ("frag kv", ev(url=f"{T}/#who={q}&x=2"))
    yield ("ref path", ev(referrer=f"https://mail.example/{q}/inbox"))
    yield ("ref q", ev(referrer=f"https://s.example/?q={qp}"))
    yield ("prop", ev(props={"label": t}))
    yield ("prop key", ev(props={f"clicked {t}": True}))
    yield ("deep", ev(props={"a": {"b": {"c": [{"d": t}]}}}))
    yield ("list mixed", ev(props={"l": [1, None, t, {"x": t}]}))
    yield ("error text", ev(props={"message": f"Error: user <{t}> not found"}))
    yield ("stack", ev(props={"stack": f"at submit ({T}/app.js?u={q}:10:5)\n  at x"}))
    yield ("html", ev(props={"html": f'<a title="{t}">x</a>'}))
    yield ("xml", ev(props={"x": f"<who>{t}</who>"}))
    yield ("csv", ev(props={"row": f"1,{t},true"}))
    yield ("json str", ev(props={"payload": json.dumps({"who": t, "n": 1})}))
    yield ("json str pretty", ev(props={"payload": json.dumps({"who": [t], "n": 1}, indent=2)}))
    yield ("json str ascii twice", ev(props={"payload": json.dumps(json.dumps({"who": t}))}))
    yield ("form", ev(props={"body": f"who={qp}&go=1"}))
    yield ("double enc", ev(url=f"{T}/r?u={quote(T + '/x?who=' + q, safe='')}"))
    yield ("top unknown", ev(customer=t))
    yield ("user", ev(user=t))
    yield ("session nested id", ev(props={"session": {"id": t}}))
    yield ("clicks", ev(clicks={t: True}))
    yield ("utm", ev(url=f"{T}/?utm_term={q}"))
    yield ("search", ev(props={"query": f"where is {t}?"}))
    yield ("upper key", ev(props={"LABEL": t}))
    yield ("surrounded", ev(props={"x": f"***{t}***"}))
    yield ("pipe", ev(props={"x": f"a|{t}|b"}))
    yield ("underscore words", ev(props={"x": f"[{t}]"}))


NAMES = {
    "secret": words(
        "Password pwd user_password passwordConfirm PASSWORD api-key Api_Key X-API-KEY apikey "
        "access-token accessToken refresh_token idToken client_secret ClientSecret authToken "
        "authorization Authorization secret_key privateKey bearer_token sessionToken passphrase "
        "login[password] csrf_token xsrf-token jwt webhook_secret"
    ),
    "phone": words(
        "phone Phone phoneNumber customer_phone tel mobile mobileNumber cell telephone work_phone "
        "user[phone] billing.phone fax"
    ),
    "iban": words("iban IBAN bank.iban accountIban debtor_iban"),
    "ssn": words("ssn SSN social_security_number socialSecurityNumber user.ssn applicant_ssn"),
    "card": words("card_number cardNumber ccNumber cc_number creditCard card[number]"),
}


def sec():
    return R.choice(
        [
            alnum(10) + "7",
            alnum(32, string.hexdigits),
            "P@ssw0rd" + digits(2),
            "correct horse battery 9",
            "Tr0ub4dor&3",
            "qwertz" + digits(3),
            alnum(40) + "=",
            "geheim!" + digits(1),
            "ünïcode" + digits(4),
            alnum(8) + "/" + alnum(8) + "+" + alnum(4),
        ]
    )


def phone():
    return R.choice(
        [
            f"+1-{digits(3)}-{digits(3)}-{digits(4)}",
            f"({R.randint(200, 999)}) {R.randint(200, 999)}-{digits(4)}",
            f"+49 (0)89 {digits(3)} {digits(4)}",
            f"07{digits(3)} {digits(6)}",
            f"+91{digits(10)}",
            f"1{digits(10)}",
            f"0{digits(2)}/{digits(7)}",
            f"+33.6.{digits(2)}.{digits(2)}.{digits(2)}.{digits(2)}",
            f"+86 1{digits(2)} {digits(4)} {digits(4)}",
        ]
    )


def pairplaces(n, t):
    q = quote(t, safe="")
    qn = quote(n, safe="")
    yield ("prop", ev(props={n: t}))
    yield ("nested", ev(props={"form": {n: t, "z": 1}}))
    yield ("top", ev(**{n: t}))
    yield ("list", ev(props={n: [t, t]}))
    yield ("query", ev(url=f"{T}/s?a=1&{n}={q}"))
    yield ("query enc name", ev(url=f"{T}/s?{qn}={q}&b=2"))
    yield ("frag", ev(url=f"{T}/s#{n}={q}"))
    yield ("route", ev(url=f"{T}/#/x/y?{n}={q}"))
    yield ("ref", ev(referrer=f"https://o.example/?{n}={q}&x"))
    yield ("redirect", ev(url=f"{T}/s?next={quote('/p?' + n + '=' + q + '&y=1', safe='')}"))
    yield ("json", ev(props={"p": json.dumps({n: t})}))
    yield ("json2", ev(props={"p": json.dumps({"q": json.dumps({n: t, "k": 2})})}))
    yield ("json spaced", ev(props={"p": json.dumps({"k": 0, n: t}, indent=1)}))
    yield ("form", ev(props={"b": f"a=b&{n}={quote_plus(t)}"}))
    yield (
        "log",
        ev(
            props={
                "m": f"login failed {n}={t}"
                if " " not in t and "&" not in t and ("," not in t) and (";" not in t)
                else json.dumps({n: t})
            }
        ),
    )
    yield (
        "log colon",
        ev(props={"m": f"{n}: {t}"}) if "[" not in n and "battery" not in t else ev(props={n: t}),
    )
    yield ("py repr", ev(props={"m": repr({n: t})}) if "'" not in t else ev(props={n: t}))
    yield ("header", ev(props={"headers": {"a": 1, n: t}}))


def signins():
    c = R.choice(
        [
            alnum(30),
            "4/0" + alnum(70, string.ascii_letters + "-_"),
            "M.C5" + digits(2) + "_BAY." + alnum(20),
            alnum(20, "0123456789abcdef"),
        ]
    )
    s = R.choice([alnum(12), alnum(32, "0123456789abcdef"), "xyz" + digits(6)])
    g = alnum(43) + "%3D"
    h = alnum(64, "0123456789abcdef")
    a = "ya29.a0" + alnum(60)
    for u, t in [
        (f"{T}/auth/google/callback?state={s}&code={c}&scope=email+profile", c),
        (f"{T}/login/callback?code={c}&state={s}", s),
        (f"{T}/signin?code={c}", c),
        (f"{T}/oauth2/authorize?client_id=web&redirect_uri=x&state={s}", s),
        (f"{T}/sso?SAMLResponse={g}", g[:43]),
        (f"{T}/#access_token={a}&state={s}&token_type=bearer", a),
        (f"{T}/cb#id_token={alnum(50)}.x&code={c}", c),
        (f"https://acc.blob.core.example/c/f?sv=2021&sr=b&sig={g}&se=2026", g[:43]),
        (
            f"https://b.s3.example/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=2026&X-Amz-Signature={h}",
            h,
        ),
        (f"https://b.s3.example/k?AWSAccessKeyId=x&Signature={g}&Expires=1", g[:43]),
        (f"https://cdn.example/v?Policy=x&Signature={h}~~&Key-Pair-Id=K", h),
    ]:
        yield ("url", ev(url=u), t)
        yield ("ref", ev(referrer=u), t)
        yield ("prop", ev(props={"href": u}), t)
        yield ("enc", ev(url=T + "/x?u=" + quote(u, safe="")), t)
        yield ("text", ev(props={"m": "at " + u + " now"}), t)
        yield ("json", ev(props={"m": json.dumps({"u": u})}), t)


def promised(seed, texts=30):
    """Each of the promised classes in forms, logs and addresses."""
    R.seed(seed)
    for kind, f in (
        ("email", email),
        ("card", card),
        ("ssn", ssn),
        ("iban", lambda: iban(R)),
        ("jwt", jwt),
        ("tok", tok),
    ):
        for _ in range(texts):
            t = f()
            for p, r in whereabouts(t):
                if kind == "card" and ("path" in p or p in ("matrix", "frag bang", "session nested id")):
                    continue
                yield Case(kind, p, r, t)
    for kind, f in (
        ("secret", sec),
        ("phone", phone),
        ("iban", lambda: iban(R)),
        ("ssn", lambda: R.choice([ssn(), ssn().replace("-", " "), ssn().replace("-", "")])),
        ("card", card),
    ):
        for n in NAMES[kind]:
            for _ in range(1 + texts // 10):
                t = f()
                for p, r in pairplaces(n, t):
                    yield Case(kind + " named", p, r, t)
    for _ in range(texts * 2 // 3):
        for p, r, t in signins():
            yield Case("signin", p, r, t)
        for w in ("Bearer ", "bearer ", "Authorization: Bearer ", "authorization=Bearer%20"):
            t = alnum(30) + "1"
            for p, r in (
                ("t", ev(title=w + t)),
                ("p", ev(props={"h": w + t})),
                ("h", ev(props={"headers": {"x": w + t}})),
                ("j", ev(props={"j": json.dumps({"authorization": "Bearer " + t})})),
            ):
                yield Case("bearer", p, r, t)


def harmless(seed):
    R.seed(seed)
    for t in HARMLESS["other_texts"]:
        q = quote(t)
        for p, r in (
            ("title", ev(title=t)),
            ("title2", ev(title=t + " | ACME")),
            ("prop", ev(props={"label": t})),
            ("q", ev(url=f"{T}/s?q={quote_plus(t)}")),
            ("path", ev(url=f"{T}/blog/{q}")),
            ("frag", ev(url=f"{T}/x#{q}")),
            ("list", ev(props={"l": [t]})),
            ("key", ev(props={t: 2})),
            ("json", ev(props={"j": json.dumps({"label": t})})),
            ("ref", ev(referrer=f"https://g.example/?q={q}")),
            ("top", ev(note=t)),
        ):
            yield Case(t, p, r, None)
    for n, v in HARMLESS["other_pairs"]:
        q = quote(str(v), safe="")
        for p, r in (
            ("prop", ev(props={n: v})),
            ("nest", ev(props={"i": [{n: v}]})),
            ("top", ev(**{n: v})),
            ("q", ev(url=f"{T}/s?b=1&{n}={q}")),
            ("q1", ev(url=f"{T}/s?{n}={q}&z=1")),
            ("login q", ev(url=f"{T}/checkout?{n}={q}")),
            ("frag", ev(url=f"{T}/#{n}={q}")),
            ("json", ev(props={"j": json.dumps({n: v, "z": 1})})),
            ("form", ev(props={"b": f"{n}={q}&c=1"})),
            ("ref", ev(referrer=f"https://g.example/?{n}={q}")),
        ):
            yield Case(f"{n}={v}", p, r, None)
