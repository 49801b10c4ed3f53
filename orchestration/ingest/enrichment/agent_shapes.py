"""What a user agent looks like: a browser's, a device's, an app's, or nothing that a person holds.

Families of forms, not names of products, wherever a family has a form of its own.
"""

import re

from orchestration.ingest.enrichment.patterns import Patterns

#: The engine of a browser with its version, or the form in which browsers without one write themselves.
BROWSER = Patterns(
    [
        r"(?i)AppleWebKit|WebKit/\d|KHTML/|Gecko|Trident/|MSIE \d|Presto/|\bOpera(?: Mini| Mobi|"
        r" TV)?[ /]?\d|Goanna/|"
        r"Firefox/\d|Konqueror/|Galeon/|NetFront|Iceweasel/|Chrome/\d|OPR/\d|Safari/\d|Servo/|"
        r"; rv:\d[^)]*\) \w+/\d{4}|"
        # Netscape to version 4, and what wrote itself as it did.
        r"^Mozilla/[1-46](?:\.\w+)? ?(?:\[[\w-]+\]|\((?:X11|Win|Mac|OS/2|Amiga|BeOS|Charon))|"
        r"NetPositive|Webster Pro|AvantGo|Avant Browser|Amiga|Dreamcast|iCab \d"
    ]
)
#: Browsers of terminals and of old computers, which begin with their own names.
OLD_BROWSER = re.compile(
    r"^(?:NCSA[_ ]?Mosaic|Lynx|E?Links|w3m|Dillo|IBrowse|AmigaVoyager|HotJava|amaya|iCab|NetPositive|"
    r"OmniWeb|"
    r"BrowseX|Sleipnir|K-?Meleon|retawq|NetSurf|Cyberdog|WorldWideWeb|Mosaic)\b",
    re.IGNORECASE,
)

#: A device, its system, or a library that only apps of devices have.
DEVICE = Patterns(
    [
        r"(?i)CFNetwork|Dalvik|Darwin/\d|Android|iPhone|iPad|iPod|\biPh\d|\bi(?:Pad)?OS\b|watch ?OS|"
        r"tv ?OS\b|macOS|Mac OS|"
        r"Macintosh.*Safari|Apple-?(?:TV|iP)|Watch\d|AppleCoreMedia|AirPlay/|"
        # Telephones of before.
        r"MIDP|CLDC|MMP/|Profile/|\bMAUI|\bMRE/|\bBREW|\bWAP|Browser[/ ]\d|BlackBerry|\bBB10|Symb|"
        r"Series ?\d0|"
        r"UP\.?(?:Browser|Link)|\bUP/\d|Obigo|Teleca|Polaris/|SEMC|DoCoMo|KDDI|J-PHONE|Vodafone|SoftBank|"
        r"PalmOS|webOS|"
        r"Windows Phone|Windows CE|Windows Mobile|IEMobile|KaiOS|Tizen|Bada/|MeeGo|Maemo|UCWEB|UCBrowser|"
        r"SyncML|"
        # The makers of telephones, before a model.
        r"^(?:MOT|SIE|SEC|LGE?|LENOVO|HUAWEI|ZTE|AMOI|BIRD|PANTECH|ALCATEL|NOKIA|SAMSUNG|Sony\w*|SHARP|"
        r"SANYO|PHILIPS|"
        r"PANASONIC|SAGEM|NEC|HTC|MOTO\w*|TCL|OPPO|VIVO|XIAOMI|REDMI|INFINIX|TECNO|ITEL|MICROMAX|KARBONN|"
        r"LAVA|SPICE|"
        r"FLY|GIONEE|HAIER|KONKA|KYOCERA|KWC|BENQ|DOPOD|ASUS|ACER|QTEK|TELIT|VK|TIANYU|K-TOUCH|COOLPAD|"
        r"CECT|TOSHIBA|"
        r"SPRD|PALM|QMOBILE|GRUNDIG|LEPHONE|NOKI\w*|Samsung\w*|HTC\w*)(?:[-_ ./\d]|[A-Z]{1,2}-?\d|$)|"
        r"Nokia|SAMSUNG|SonyEricsson|BlackBerry|\bLG[-/]|Device[/ ]|Device model|"
        # Screens, players, speakers, watches, books, consoles.
        r"Smart-?TV|SMART_TV|HbbTV|CE-HTML|NETTV|Web0S|Roku|CrKey|\bAFT[A-Z]{1,6}\d*|tpapi;|_tv\b|"
        r"\bTV[/ ;]|KreaTV|ViziOS|"
        r"(?:, |,\()?\bwired\)|Kepler/|Espial|VIZIO|BRAVIA|Sonos|Echo|Garmin|Bose/|VictorReader|"
        r"PlayStation|Nintendo|"
        r"Xbox|_SEGASATURN_|SANYO_|\bnook|Kindle|\bps[345]\b|"
        # A model alone, or with its build; an app by the name of its package.
        r"^[A-Z]{2,}[-_ ][A-Z]{0,3}\d{3,}[A-Z]*\b|\bAPI \d+\. Language|"
        r";\s?\d\.\d(?:\.\d)?;\s?[A-Z]{3}\d\d\w?|"
        r"^(?:com|org|net|de|tv|air|io|fr|ru|br)\.\w+\.\w+|"
        # Facebook's apps say it by fields.
        r"FBAN/|FBAV/|^A/\d+\.\d"
    ]
)

#: Programs that a person has open: players, office, chat, readers of feeds and mail, shops of games.
APP = Patterns(
    [
        r"(?i)player|podcast|podcatch|^\w*pod\w*(?:[/ ]|$)|^\w*cast(?:[/ ]|$)|\bmusic\b|radio|iTunes|"
        r"QuickTime|VLC|\bmpv\b|Kodi|XBMC|foobar2000|Winamp|WMFSDK|"
        r"Audacious|spotify|"
        r"GoogleApp/|MSOffice|Microsoft Office/|Microsoft Office [A-Z]\w+/|Outlook-Express/|"
        r"Microsoft Outlook \d|Thunderbird/|Lotus-Notes|Evolution/|"
        r"Galaxy ?Client|(?:Non)?AppStore|Universal app|Desktop app|Steam|Teams/|Skype/|\bZoom[ /]|"
        r"Discord/|"
        r"^(?:Awasu|Juice|FeedDemon|RssBandit|Akregator|Liferea|Newsboat|newsbeuter|NetNewsWire|RSSOwl|"
        r"NewsFire|Vienna|Reeder)\b|"
        r"\buTorrent|BitTorrent|Transmission/"
    ]
)

#: It says itself that it is an app on a device; the page is open inside one, as Android's web view writes it;
#: or a program for the desktop is a browser with one site in it.
SAYS_APP = Patterns(
    [
        r"(?i)\b(?:iOS|iPhone|iPad|Android|mobile)\b[^;()]* app\b|; wv\) AppleWebKit/|"
        r"Chrome/\d\S* Electron/\d"
    ]
)
#: What stands in requests that attack, in place of a user agent.
ATTACK = Patterns([r"\$\{|\(\) *\{|<\?|<script|\.\./|/bin/\w|/etc/passwd|(?i)\bunion select\b|\bor 1=1\b"])

#: Where the comment of a browser on Android names its system; behind it stand language, model and build.
_ANDROID = re.compile(r"(?i)\bandr[o0]id\b[^;()]{0,40}")
_COMMENT = re.compile(r"[^()]*(?:\([^()]*\)[^()]*)*")
#: A name in the same comment that is no telephone's: it says whose it is.
_OWNED = re.compile(r"(?i)compatible|https?:|www\.|@|[+]|bot[/;]|-Google\b|Catchpoint")
#: A model that begins with its maker, outside of such a comment.
_MAKERS_MODEL = re.compile(r"\bHTC[ _-]\w+")


def without_model(user_agent: str) -> str:
    """The text without the model and the build of a telephone: their makers choose any words."""
    user_agent = _MAKERS_MODEL.sub("HTC", user_agent)
    system = _ANDROID.search(user_agent)
    if system is None or "(" not in user_agent[: system.start()]:
        return user_agent
    rest = _COMMENT.match(user_agent, system.end())
    if rest is None or _OWNED.search(rest[0]):
        return user_agent
    return user_agent[: system.end()] + user_agent[rest.end() :]
