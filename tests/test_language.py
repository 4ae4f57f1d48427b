import re

from toy_town import REPO

from gridmap.accounts import ROLE_NAMES
from gridmap.cli import words
from gridmap.cli.layers import BOOK
from gridmap.cli.reports import VERDICTS
from gridmap.files import TEMPLATE_WORDS
from gridmap.jobs import QUESTIONS, doctor
from gridmap.jobs.rates import UNIT_OF_MEASURE
from gridmap.language import catalogue, translate
from gridmap.maps import _DIFFERENCES, _LEVEL_LABELS, CHANGE_COLOURS, DETAILS, LENSES, MADE, spoken
from gridmap.model import CHANGES, LAYERS
from gridmap.org_coverage import PLURALS
from gridmap.rules import Severity
from gridmap.web import overview, queues
from gridmap.web.finding import KIND_NAMES
from gridmap.web.frame import PLACES
from gridmap.web.on_the_spot import FOUND_BY, LENS_NAMES, REASON_NAMES, SAID, STATUS_NAMES

WEB = REPO / "gridmap" / "web"


def messages_of_pages() -> set[str]:
    found = set()
    for template in (WEB / "templates").glob("*.html"):
        found |= set(re.findall(r"""_\(["'](.+?)["']\)""", template.read_text("utf-8")))
    return found | {name for _, name, _ in PLACES} | set(KIND_NAMES.values())


def messages_on_the_spot() -> set[str]:
    names = (FOUND_BY, STATUS_NAMES, REASON_NAMES)
    said = {value for table in names for value in table.values()}
    # Of services the Chinese names stand in the lenses.
    return said | set(SAID) | (set(LENS_NAMES.values()) & set(catalogue("zh")))


def messages_of_script() -> set[str]:
    scripts = sorted((WEB / "static" / "map").glob("*.js"))
    text = "\n".join(script.read_text("utf-8") for script in scripts)
    found = set(re.findall(r'\bt\("([^"]+)"\)', text))
    words = text[text.index("const WORDS") : text.index("};", text.index("const WORDS"))]
    found |= set(re.findall(r':\s*"([^"]+)"', words))
    rows = text[text.index("const POPUPS") : text.index("function card")]
    found |= set(re.findall(r'\["([A-Z][^"]+)",', rows))
    return found


def messages_of_maps() -> set[str]:
    found = set(DETAILS.values()) | set(_LEVEL_LABELS.values()) | set(MADE.values())
    found |= {label for label, _ in _DIFFERENCES.values()} | set(CHANGE_COLOURS)
    for lens in LENSES:
        found |= {lens.label, lens.blank, lens.note, lens.group, lens.unit} - {"", "m", "m2"}
    return found | {"buildings", "households", "grids"} | {"Zoom in", "Zoom out"}


def messages_of_terminal() -> set[str]:
    files = sorted((REPO / "gridmap" / "cli").glob("*.py"))
    text = "\n".join(file.read_text("utf-8") for file in files)
    found = (
        set(re.findall(r'translate\(\s*"([^"]+)"', text))
        | set(VERDICTS)
        | set(re.findall(r'more = "(.+)"', text))
    )
    headings = " ".join(re.findall(r"headings = \((.+)\)", text))
    found |= set(re.findall(r'"(\w+)"', headings)) | {str(one) for one in Severity}
    found |= set(words.RATES) | set(words.CHANGE_HEADINGS) | {words.AT_LEAST}
    tables = (words.MEASURES, words.COLUMNS, words.CHANGED, words.STATUSES, words.REASONS)
    for names in (*tables, words.TREND, words.MATTERS, words.COUNTED):
        found |= set(names.values())
    found |= {*PLURALS.values(), "parts"}
    found |= set(words.ACCOUNT_STATES.values()) | set(ROLE_NAMES.values())
    units = {words.UNITS.get(unit, unit) for unit in UNIT_OF_MEASURE.values()}
    return found | units | set(CHANGES) | set(BOOK)


def messages_of_doctor() -> set[str]:
    return {"ok", "warning", "error", "state", *doctor.NAMES, *doctor.TOLD.values()}


def messages_of_overview() -> set[str]:
    found = {one.label for one in QUESTIONS} | {one.kind for one in QUESTIONS}
    for texts in (queues.DONE, queues.FAULTS, queues.STATES, queues.TO_DO, queues.NAMES):
        found |= set(texts.values())
    return found | set(overview.SAID) | set(overview.COUNTS) | set(overview.LEVELS.values())


def messages_of_templates() -> set[str]:
    return {f.meaning for spec in LAYERS.values() for f in spec.fields} | set(TEMPLATE_WORDS)


def test_the_catalogue_is_complete_and_has_nothing_left_over():
    used = messages_of_terminal() | messages_of_pages() | messages_of_script() | messages_of_maps()
    used |= messages_of_templates() | messages_of_doctor() | messages_of_overview()
    used |= messages_on_the_spot()
    used = {message.replace("\\'", "'") for message in used}
    assert len(used) > 60
    assert used - set(catalogue("zh")) == set()
    assert set(catalogue("zh")) - used == set()
    assert all(catalogue("zh").values())


def test_the_map_carries_every_word_that_its_scripts_say_and_none_of_the_others():
    assert messages_of_script() - set(spoken("zh")) == set()
    assert len(spoken("zh")) < len(catalogue("zh")) / 2
    assert spoken("en") == {}


def test_english_is_the_message_itself():
    assert translate("Grids", "en") == "Grids"
    assert translate("Grids", "zh") == "网格"
    assert translate("nothing known", "zh") == "nothing known"
