"""Words of the page: the same keys in every language, each of them used, and no text outside these files."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from conftest import ROOT

from background_removal.compositing.shipped import shipped_pictures
from background_removal.look import PLAIN_BACKGROUNDS, SETTINGS
from background_removal.page.actions import list_actions

STATIC = ROOT / "background_removal" / "page" / "static"
LANGUAGES = {path.stem: path for path in sorted((STATIC / "words").iterdir())}
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(STATIC.glob("*.js"))}
# Forms of plurals that a language may have, by the rules of Unicode.
FORMS = {"zero", "one", "two", "few", "many", "other"}
# Attributes that people see or hear.
VISIBLE = ("aria-label", "aria-description", "alt", "title", "placeholder", "label")
# Text of index.html that is the same in each language, or cannot wait for a script.
SAME = {"Background Removal", "This page needs JavaScript."}
# Where a literal in a script would be seen: as an argument, an attribute, a text; and prose anywhere.
LITERALS = (
    r"(?<![.#\w])(?:say|complain|offer|button|choice|push|toggle|mode|segmented|Refused|Error)\(\s*[\"'`](?=[^\"'`]*[A-Za-z]{2})",
    r"(?:title|alt|placeholder|\"aria-label\"|\"aria-description\"|textContent)\s*[:=]\s*[\"'`](?=[^\"'`]*[a-z]{2})",
    r"[\"'`][A-Z][a-z]+[,:]? [^\"'`]*[a-z]{2}",
    r"[\"'`][^\"'`<>=;()/]*\$ [a-z]{3,}",
    r"[,?:] \"[A-Z][a-z]+…?\"\)",
)


def read(language: str) -> dict[str, Any]:
    return json.loads(LANGUAGES[language].read_text(encoding="utf-8"))


def forms_of(text: Any) -> dict[str, str]:
    return text if isinstance(text, dict) else {"other": text}


def without_comments(script: str) -> str:
    """Leave out comments, but not addresses and patterns in literals."""
    return re.sub(r"/\*.*?\*/|(?<![:\"'`\\\\/])//[^\n]*", "", script, flags=re.DOTALL)


class Page(HTMLParser):
    """Keys of index.html, and its visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self.texts: list[str] = []
        self.feed((STATIC / "index.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.keys |= {value for name, value in given.items() if name.startswith("data-words")}
        self.texts += [value for name, value in given.items() if name in VISIBLE]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_words(language: str) -> None:
    english, other = read("en"), read(language)
    assert list(other) == sorted(english)
    for key, text in english.items():
        values = set(re.findall(r"\{(\w+)\}", forms_of(text)["other"]))
        forms = forms_of(other[key])
        assert isinstance(text, dict) == isinstance(other[key], dict), key
        assert "other" in forms, key
        assert forms.keys() <= FORMS, key
        for form in forms.values():
            assert form.strip() == form, key
            assert form, key
            assert set(re.findall(r"\{(\w+)\}", form)) == values, key


def test_the_page_knows_every_language() -> None:
    listed = re.search(r"LANGUAGES = \[([^]]*)]", SCRIPTS["words.js"])
    assert listed is not None
    assert sorted(re.findall(r"\"(\w+)\"", listed[1])) == sorted(LANGUAGES)


def test_every_key_is_there_and_used() -> None:
    keys, page = set(read("en")), Page()
    used = set(page.keys)
    for script in map(without_comments, SCRIPTS.values()):
        used |= set(re.findall(r"\bwords\(\s*\"([^\"]*)\"", script))
        used |= keys & set(re.findall(r"\"([\w.-]+)\"", script))
        for pattern in re.findall(r"\bwords\(\s*`([^`]*)`", script):
            expression = "[^.]+".join(map(re.escape, re.split(r"\$\{[^}]*\}", pattern)))
            matching = {key for key in keys if re.fullmatch(expression, key)}
            assert matching, pattern
            used |= matching
    assert used == keys


def test_words_of_what_the_server_lists() -> None:
    """What scripts put together is there for all that the server may send, and not for more."""
    english = read("en")

    def listed(prefix: str) -> set[str]:
        return {key.removeprefix(prefix) for key in english if key.startswith(prefix)}

    labels = {f"{action.tab or 'page'}.{action.name}": action.label for action in list_actions()}
    assert {name: english[f"action.{name}"] for name in listed("action.")} == {
        name: label.replace(" %", "\u00a0%") for name, label in labels.items()
    }
    assert listed("background.picture.") == set(shipped_pictures())
    groups = {setting.group for setting in SETTINGS.values()}
    assert listed("group.") == groups
    wanted = {"said"} | {f"edge_shift.{each}" for each in ("title", "hint", "low", "high")}
    for name, setting in SETTINGS.items():
        more = {"number": ("hint", "low", "high"), "picture": ("hint", "off")}.get(setting.kind, ())
        if setting.kind not in ("background", "effects", "shift"):
            wanted |= {f"{name}.{each or 'off'}" for each in ("title", *setting.choices, *more)}
    assert listed("setting.") == wanted
    assert set(PLAIN_BACKGROUNDS) <= listed("background.")


def test_no_text_is_left_in_the_page() -> None:
    assert {text for text in Page().texts if re.search(r"[A-Za-z]{2}", text)} <= SAME


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_text_is_left_in_a_script(script: str) -> None:
    text = without_comments(SCRIPTS[script])
    while (simpler := re.sub(r"\$\{[^{}]*\}", "$", text)) != text:
        text = simpler
    lines = text.splitlines()
    assert [line for line in lines if any(re.search(pattern, line) for pattern in LITERALS)] == []
