"""The form by which a site's visitors ask to be erased, or for a copy: one page that loads nothing.

It may stand in a frame of the site's own pages. The browser's own id comes in the fragment of its address
(`#v=…`), which no server and no referrer sees; the page's one script takes it from there into the form.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:1.5rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.3rem}label{display:block;margin:.6rem 0}input[type=text]{display:block;width:100%;"
    "padding:.4rem;font:inherit;box-sizing:border-box}button{font:inherit;padding:.5rem 1.2rem}"
    "fieldset{border:1px solid #ccc;margin:1rem 0}.quiet{color:#555;font-size:.9rem}[hidden]{display:none}"
)
_SCRIPT = (
    # Back and a reload find the id where the history keeps it, no more in the address.
    "(function(){var m=/[#&]v=([^&]{1,200})/.exec(location.hash),v=(history.state||{}).v;"
    "try{if(m)v=decodeURIComponent(m[1])}catch(e){}if(!v)return;"
    "document.getElementById('visitor').value=v;"
    "document.getElementById('found').hidden=false;document.getElementById('missing').hidden=true;"
    "history.replaceState({v:v},'',location.pathname)})()"
)
#: Language → what the page says.
_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Your data at {site}",
        "takes": "Here you can ask {client} to erase what is stored of your visits to {site}, or for a "
        "copy of it.",
        "wanted": "What do you ask for?",
        "erasure": "Erase what is stored of me",
        "access": "Give me what is stored of me",
        "found": "The id that this browser has on {site} goes with your request.",
        "missing": "This browser has no id on {site}, or the page that led here did not pass it on. "
        "Visits without "
        "one are kept under a number that changes every day and that nobody can trace to you after two "
        "days.",
        "user": "The name or number by which {site} knows you, if you have signed in there (may stay empty)",
        "next": "Nothing is erased or given out by this form itself. {client} checks that the request "
        "is yours, "
        "may ask you, and has to answer within a month. What is sent here is deleted once it is decided.",
        "send": "Send",
        "sent": "Your request has arrived",
        "number": "Its number is {id}. Keep it: with it you can ask {client} what became of it. It has "
        "to be "
        "answered by {due}.",
        "nothing": "Neither an id of this browser nor a name was given, so there is nothing to look for. "
        "Open the form from the page of {site} once more.",
        "over": "This form is not valid any more",
        "again": "Open it once more from the page of the site.",
        "many": "Too many requests came in. Nothing of yours was kept: go back and send it again in an "
        "hour, or open the form from the page of {site} once more.",
        "unseen": "The name has characters in it that cannot be seen. Go back, type it anew and send "
        "it again.",
    },
    "de": {
        "title": "Ihre Daten bei {site}",
        "takes": "Hier können Sie {client} bitten, zu löschen, was von Ihren Besuchen auf {site} "
        "gespeichert ist, oder "
        "Ihnen eine Kopie davon zu geben.",
        "wanted": "Worum bitten Sie?",
        "erasure": "Löschen Sie, was von mir gespeichert ist",
        "access": "Geben Sie mir, was von mir gespeichert ist",
        "found": "Die Kennung, die dieser Browser auf {site} hat, geht mit Ihrer Anfrage.",
        "missing": "Dieser Browser hat auf {site} keine Kennung, oder die Seite hat sie nicht "
        "weitergegeben. Besuche "
        "ohne Kennung stehen unter einer Zahl, die täglich wechselt und die nach zwei Tagen niemand auf "
        "Sie "
        "zurückführen kann.",
        "user": "Name oder Nummer, unter der {site} Sie kennt, falls Sie sich dort angemeldet haben "
        "(darf leer bleiben)",
        "next": "Durch dieses Formular selbst wird nichts gelöscht oder herausgegeben. {client} prüft, "
        "ob die Anfrage "
        "von Ihnen ist, fragt vielleicht nach und muss binnen eines Monats antworten. Was Sie hier "
        "senden, wird "
        "gelöscht, sobald entschieden ist.",
        "send": "Senden",
        "sent": "Ihre Anfrage ist angekommen",
        "number": "Ihre Nummer ist {id}. Bewahren Sie sie auf: mit ihr können Sie {client} fragen, was "
        "daraus wurde. Sie "
        "muss bis zum {due} beantwortet sein.",
        "nothing": "Weder eine Kennung dieses Browsers noch ein Name wurde angegeben, es gibt also "
        "nichts zu suchen. "
        "Öffnen Sie das Formular noch einmal von der Seite von {site}.",
        "over": "Dieses Formular gilt nicht mehr",
        "again": "Öffnen Sie es noch einmal von der Seite aus.",
        "many": "Es kamen zu viele Anfragen. Von Ihrer wurde nichts behalten: Gehen Sie zurück und senden "
        "Sie sie in einer Stunde noch einmal, oder öffnen Sie das Formular neu von der Seite von {site}.",
        "unseen": "Im Namen stehen Zeichen, die niemand sieht. Gehen Sie zurück, tippen Sie ihn neu und "
        "senden Sie noch einmal.",
    },
}


def language_of(accepted: str) -> str:
    """The first language of a header Accept-Language that the page speaks; English where there is none."""
    wanted = (each.partition(";")[0].strip().lower()[:2] for each in accepted.split(","))
    return next((each for each in wanted if each in _WORDS), "en")


def form_page(language: str, client: str, site: str, ticket: str) -> str:
    """The form. `site`: its host."""
    say = _sayer(language, client=client, site=site)
    return _page(
        language,
        say("title"),
        f"<p>{say('takes')}</p>"
        '<form method="post" autocomplete="off">'
        f"<fieldset><legend>{say('wanted')}</legend>"
        f'<label><input type="radio" name="wanted" value="erasure" required> {say("erasure")}</label>'
        f'<label><input type="radio" name="wanted" value="access"> {say("access")}</label></fieldset>'
        f'<p id="found" hidden>{say("found")}</p><p id="missing">{say("missing")}</p>'
        '<input type="hidden" name="visitor" id="visitor" value="">'
        f'<input type="hidden" name="ticket" value="{html.escape(ticket)}">'
        f'<label>{say("user")}<input type="text" name="user" maxlength="200"></label>'
        f'<p class="quiet">{say("next")}</p><button>{say("send")}</button></form>'
        f"<script>{_SCRIPT}</script>",
    )


def sent_page(language: str, client: str, site: str, name: str, due: str) -> str:
    """That a request has arrived. `due`: a day."""
    say = _sayer(language, client=client, site=site, id=name, due=due)
    return _page(language, say("sent"), f"<p>{say('number')}</p><p>{say('next')}</p>")


def refused_page(language: str, why: str, client: str = "", site: str = "") -> str:
    """That nothing was taken. `why`: `over`, `nothing`, `unseen` or `many`."""
    say = _sayer(language, client=client, site=site)
    title = say("title") if why != "over" else say("over")
    return _page(language, title, f"<p>{say('again' if why == 'over' else why)}</p>")


def headers(hosts: Iterable[str]) -> dict[str, str]:
    """What goes with each of these pages: nothing is loaded, one script, frames of the site's `hosts`."""
    around = " ".join(f"https://{host}" for host in hosts) or "'none'"
    policy = (
        f"default-src 'none'; style-src '{_digest(_STYLE)}'; script-src '{_digest(_SCRIPT)}'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {around}"
    )
    return {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-robots-tag": "noindex",
    }


def _sayer(language: str, **values: str) -> "_Sayer":
    return _Sayer(_WORDS[language], {name: html.escape(value) for name, value in values.items()})


class _Sayer:
    def __init__(self, words: Mapping[str, str], values: Mapping[str, str]) -> None:
        self._words, self._values = words, values

    def __call__(self, name: str) -> str:
        return self._words[name].format(**self._values)


def _page(language: str, title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
