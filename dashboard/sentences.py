"""Sentences of the pages, in English and in German."""

from collections.abc import Mapping

SENTENCES: Mapping[str, tuple[str, str]] = {
    "complete": ("Complete through {at}", "Vollständig bis {at}"),
    "nothing_complete": ("No hour is complete yet", "Noch keine Stunde ist vollständig"),
    "late_none": ("no late events", "keine verspäteten Ereignisse"),
    "late_one": ("1 late event since", "1 verspätetes Ereignis seitdem"),
    "late_many": ("{count} late events since", "{count} verspätete Ereignisse seitdem"),
    "is_provisional": (
        "dotted days are provisional: late events may still change them",
        "gepunktete Tage sind vorläufig: Verspätetes kann sie noch ändern",
    ),
    "all_final": ("all days are final", "alle Tage sind endgültig"),
    "not_yet": (
        "Days after {today} have not come yet: what is shown ends today.",
        "Tage nach {today} stehen noch aus: Gezeigt wird bis heute.",
    ),
    "compared_from": (
        "compared days have figures from {at} on only",
        "verglichene Tage haben erst ab {at} Zahlen",
    ),
    "stale": ("the lake has not answered since {at}", "das Lager antwortet seit {at} nicht"),
    "no_clients": (
        "There is no client yet. Make one with `footfall clients new`, or look at docs/client-onboarding.md.",
        "Es gibt noch keinen Kunden. `footfall clients new` legt einen an; "
        "docs/client-onboarding.md sagt mehr.",
    ),
    "no_figures": (
        "Nothing was counted here in {days}. Is the script in the pages? The hour is counted at five past.",
        "Hier wurde {days} nichts gezählt. Ist das Skript in den Seiten? Gezählt wird fünf nach "
        "jeder Stunde.",
    ),
    "no_figures_filtered": (
        "Nothing fits these filters. Take one off.",
        "Nichts passt zu diesen Filtern. Nehmen Sie einen weg.",
    ),
    "no_rows": ("Nothing in this period.", "Nichts in diesem Zeitraum."),
    "not_together": (
        "Not to be had together with the filter on {filters}: no table has both. Take it off to see this.",
        "Nicht zusammen mit dem Filter auf {filters} zu haben: keine Tabelle hat beides. Ohne ihn "
        "ist es zu sehen.",
    ),
    "not_counted": (
        "not counted together with these filters",
        "mit diesen Filtern zusammen nicht gezählt",
    ),
    "closed": (
        "Nothing is open here. Follow a share link, or ask the operator to let you in.",
        "Hier ist nichts offen. Folgen Sie einem geteilten Link, oder bitten Sie den Betreiber um Zugang.",
    ),
    "closed_person": (
        "You are signed in as {name}, and nobody let you in yet. The operator can: "
        "`footfall dashboard allow {name} --role client --client ID`.",
        "Sie sind als {name} angemeldet, aber noch nicht zugelassen. Der Betreiber kann es: "
        "`footfall dashboard allow {name} --role client --client ID`.",
    ),
    "sign_in_failed": (
        "Signing in did not work: what the provider answered was too old, not for this dashboard, or not its "
        "own. Try again, or tell the operator.",
        "Die Anmeldung ging nicht: Die Antwort des Anbieters war zu alt, nicht für dieses Dashboard oder "
        "nicht von ihm. Versuchen Sie es noch einmal, oder sagen Sie es dem Betreiber.",
    ),
    "not_for_us": (
        "{name} signed in for something else than this dashboard. Sign out, and in again here.",
        "{name} ist für etwas anderes als dieses Dashboard angemeldet. Melden Sie sich ab und hier neu an.",
    ),
    "no_email": (
        "The provider gave no e-mail address of whoever signed in, so nobody can be let in by it.",
        "Der Anbieter nannte keine E-Mail-Adresse; ohne sie kann er niemanden anmelden.",
    ),
    "unverified": (
        "The provider has not verified that {name} is yours. Verify the address there, then sign in again.",
        "Der Anbieter hat nicht geprüft, dass {name} Ihre Adresse ist. Bestätigen Sie sie dort, und melden "
        "Sie sich neu an.",
    ),
    "share_over": (
        "This link shows nothing any more: its time is over, or it was taken back. Ask for a new one.",
        "Dieser Link zeigt nichts mehr: Er ist abgelaufen oder wurde zurückgezogen. Bitten Sie um "
        "einen neuen.",
    ),
    "shared_view": ("Shared view of {site}, read only", "Geteilte Ansicht von {site}, nur zum Lesen"),
    "problem": ("{detail}. {todo}", "{detail}. {todo}"),
    "lake_away": (
        "The figures cannot be read now: {why}. Try again in a minute.",
        "Die Zahlen sind jetzt nicht zu lesen: {why}. Versuchen Sie es in einer Minute wieder.",
    ),
    "as_of": ("As of {at}: nothing is missing up to then", "Stand {at}: bis dahin fehlt nichts"),
    "live_note": (
        "Events as they come, before any run. These are not the final figures, and are not counted "
        "into them here.",
        "Ereignisse, wie sie kommen, vor jedem Lauf. Das sind nicht die endgültigen Zahlen.",
    ),
    "live_empty": (
        "Nobody in the last 30 minutes. Open a page of the site and look again.",
        "Niemand in den letzten 30 Minuten. Öffnen Sie eine Seite der Website und sehen Sie wieder her.",
    ),
    "cut": (
        "shortened: there is more than one answer holds",
        "gekürzt: es gibt mehr, als eine Antwort fasst",
    ),
    "no_exports": (
        "The client orders no export. Add one to `exports` in its file: docs/client-onboarding.md.",
        "Der Kunde bestellt keinen Export. Tragen Sie einen unter `exports` ein: docs/client-onboarding.md.",
    ),
    "no_deliveries": (
        "Nothing was delivered yet. A period is delivered at five past the hour after it.",
        "Noch nichts geliefert. Ein Zeitraum wird fünf Minuten nach der vollen Stunde danach geliefert.",
    ),
    "waits": ("waits: {why}", "wartet: {why}"),
    "newest": ("newest {at}", "neueste {at}"),
    "erasures": ("Erasures of persons", "Löschungen von Personen"),
    "erasure_done": ("{id}: finished {at}", "{id}: beendet {at}"),
    "requests_wait": (
        "Requests of visitors that nobody has decided about: {count}",
        "Anfragen von Besuchern, über die niemand entschieden hat: {count}",
    ),
    "request_erasure": (
        "A visitor of {site} asks to be erased ({id}); to be answered by {at}: footfall privacy requests",
        "Ein Besucher von {site} bittet um Löschung ({id}); fällig bis {at}: footfall privacy requests",
    ),
    "request_access": (
        "A visitor of {site} asks for a copy ({id}); to be answered by {at}: footfall privacy requests",
        "Ein Besucher von {site} bittet um eine Kopie ({id}); fällig bis {at}: footfall privacy requests",
    ),
    "erasure_due": ("{id}: not finished, due by {at}", "{id}: nicht beendet, fällig bis {at}"),
    "no_alerts": ("Nothing is wrong.", "Nichts ist falsch."),
    "no_domains": (
        "No domain was seen yet. It appears with the first hour of events.",
        "Noch keine Domain gesehen. Sie erscheint mit der ersten Stunde von Ereignissen.",
    ),
    "no_usage": (
        "No day is counted yet: that happens each night.",
        "Noch kein Tag gezählt: das geschieht nachts.",
    ),
    "plan_used": (
        "{used} of {included} {counts} this month",
        "{used} von {included} {counts} in diesem Monat",
    ),
    "no_funnels": (
        "No funnel is set up. Name its steps in `funnels` of the client file: docs/client-file.md.",
        "Kein Trichter eingerichtet. Nennen Sie seine Schritte unter `funnels`: docs/client-file.md.",
    ),
    "no_journeys": ("No page was followed by another.", "Auf keine Seite folgte eine andere."),
    "no_retention": (
        "No cohort yet. Visitors are known again from consent tier 2 on.",
        "Noch keine Kohorte. Besucher werden erst ab Einwilligungsstufe 2 wiedererkannt.",
    ),
    "visitor_hint": (
        "The id as delivered files have it. Below consent tier 2 an id is of one day.",
        "Die Id, wie sie in gelieferten Dateien steht. Unter Stufe 2 gilt sie für einen Tag.",
    ),
    "no_visitor": (
        "Nothing is published of a visitor of that id.",
        "Von diesem Besucher ist nichts veröffentlicht.",
    ),
    "no_commerce": (
        "No order in this period. Send `purchase` events with `value` and `currency`: docs/server-events.md.",
        "Keine Bestellung. Senden Sie `purchase` mit `value` und `currency`: docs/server-events.md.",
    ),
    "no_ai": ("No AI assistant was seen.", "Kein KI-Assistent wurde gesehen."),
    "no_vitals": ("No page sent measurements.", "Keine Seite hat Messungen gesendet."),
    "ask_hint": (
        "One SELECT over this client's published tables, in DuckDB's SQL; {seconds} s, {rows} rows.",
        "Ein SELECT über die veröffentlichten Tabellen dieses Kunden, in DuckDBs SQL; {seconds} s, "
        "{rows} Zeilen.",
    ),
    "own_sql": ("SQL of your own", "Eigenes SQL"),
    "rows_found": ("{count} rows", "{count} Zeilen"),
    "rows_cut": ("the first {count} rows; there are more", "die ersten {count} Zeilen; es gibt mehr"),
    "tag_good": (
        "The script works: {count} events in the last hour, the newest at {at}.",
        "Das Skript arbeitet: {count} Ereignisse in der letzten Stunde, das neueste um {at}.",
    ),
    "tag_silent": (
        "Nothing came in the last hour. The pages need this line, COLLECTOR being the collector's address:",
        "In der letzten Stunde kam nichts. Die Seiten brauchen diese Zeile, mit der Adresse des Collectors "
        "statt COLLECTOR:",
    ),
    "tag_host": (
        "Events come from {hosts}, which the client file does not name: check `domains` of the site.",
        "Ereignisse kommen von {hosts}, die der Kunde nicht nennt: prüfen Sie `domains` der Website.",
    ),
    "filters_not_here": (
        "Filters and comparison do not apply to this page.",
        "Filter und Vergleich gelten auf dieser Seite nicht.",
    ),
    "no_countries": (
        "The country of no visitor here is known. The operator installs places: `footfall geoip install`.",
        "Von keinem Besucher ist das Land bekannt. Der Betreiber richtet Orte ein: `footfall geoip install`.",
    ),
    "no_events": ("No event in the last hour.", "Kein Ereignis in der letzten Stunde."),
    "map_note": (
        "Outlines: Natural Earth. Places smaller than a dot are in the list.",
        "Umrisse: Natural Earth. Kleinere Orte stehen in der Liste.",
    ),
    "n_restated": ("{export} delivered again: {reason}", "{export} neu geliefert: {reason}"),
    "n_lost": ("Pages lost {count} events: an outage", "Seiten verloren {count} Ereignisse: ein Ausfall"),
    "n_late": ("{count} events came late", "{count} Ereignisse kamen verspätet"),
    "n_domain": ("New domain {domain}", "Neue Domain {domain}"),
    "chart_text": (
        "{measure} by {interval}, {days}. The table below has every value.",
        "{measure} je {interval}, {days}. Die Tabelle darunter hat jeden Wert.",
    ),
    "compare_help": ("Compare, or not (X)", "Vergleichen oder nicht (X)"),
    "first_touch_help": (
        "Where somebody came from the first time, as far as the consent tier lets them be known again.",
        "Woher jemand beim ersten Mal kam, soweit die Einwilligung ein Wiedererkennen erlaubt.",
    ),
    "vitals_help": (
        "75th percentiles: in the table of the newest day of each page, for of several days there is none; "
        "in the chart day by day, of the pages with the most measurements.",
        "75. Perzentile: in der Tabelle vom neuesten Tag jeder Seite, denn über mehrere Tage gibt es keines; "
        "im Diagramm Tag für Tag, von den Seiten mit den meisten Messungen.",
    ),
    "current_help": ("Seen in the last 5 minutes", "In den letzten 5 Minuten gesehen"),
    "quality_text": (
        "Lines by day: kept, doubled, refused, of programs",
        "Zeilen je Tag: behalten, doppelt, abgewiesen, von Programmen",
    ),
    "funnel_note": (
        "Each day counts those who began on it; several days are added.",
        "Jeder Tag zählt, wer an ihm begann; mehrere Tage sind addiert.",
    ),
    "agency_note": (
        "Visitors of the last {days} days against the {days} before. Choose a row to open it.",
        "Besucher der letzten {days} Tage gegen die {days} davor. Wählen Sie eine Zeile, um sie zu öffnen.",
    ),
    "find_site": ("Find a client or a site", "Kunden oder Website finden"),
    "sites_shown": ("Of {count} sites", "Von {count} Websites"),
    "d_good": ("delivered {ago} ago", "vor {ago} geliefert"),
    "d_none": ("nothing yet", "noch nichts"),
    "d_failing": ("exports with an error: {count}", "Exporte mit Fehler: {count}"),
    "s_delivered": ("delivered", "geliefert"),
    "s_empty": ("delivered, without rows", "geliefert, ohne Zeilen"),
    "s_revised": ("delivered again", "neu geliefert"),
    "s_waiting": ("waiting", "wartet"),
    "s_failing": ("failing", "fehlerhaft"),
    "bar_text": (
        "{count} periods, {done} revisions delivered",
        "{count} Zeiträume, {done} Revisionen geliefert",
    ),
    "v_good": (
        "The bucket is as its manifests promise.",
        "Der Bucket ist, wie die Manifeste es versprechen.",
    ),
    "v_bad": (
        "The bucket is not as its manifests promise: `footfall verify` says more.",
        "Der Bucket ist nicht, wie die Manifeste versprechen: `footfall verify` sagt mehr.",
    ),
    "sql_failed": ("The query failed: {why}", "Die Abfrage scheiterte: {why}"),
}
