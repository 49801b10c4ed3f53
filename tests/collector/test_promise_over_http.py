"""What is promised to be gone is gone from what a real collector wrote."""

import http.client
import json

from support import planted_texts
from support.collectors import SITE, CollectorProcess


def test_promised_texts_sent_over_http_are_in_no_stored_line(tmp_path):
    collector = CollectorProcess(tmp_path, settings={"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()
    cases = list(planted_texts.promised(21, 1))
    for at in range(0, len(cases), 200):
        body = b'{"site":"%s","events":[%s]}' % (
            SITE.encode(),
            b",".join(c.raw for c in cases[at : at + 200]),
        )
        connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=120)
        connection.request("POST", "/collect", body)
        assert connection.getresponse().status == 204
        connection.close()

    lines = b"".join(collector.spool_lines()).splitlines()
    collector.end()
    assert len(lines) == len(cases) > 300
    events = [json.dumps(json.loads(line)["event"]).encode() for line in lines]
    kept = [c.text for c, event in zip(cases, events, strict=True) if c.has_kept(event)]
    assert len(kept) <= 0.005 * len(cases), kept
