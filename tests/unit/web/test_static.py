"""The files of the page: nothing in them asks another address, and all that they name is there."""

import re
from importlib.resources import files

import pytest

STATIC = files("digitserve_web") / "static"
TEXTS = {file.name: file.read_text("utf-8") for file in STATIC.iterdir()}
NAMESPACE = "http://www.w3.org/2000/svg"  # a name, which nobody asks


@pytest.mark.parametrize("name", TEXTS)
def test_no_outside_address(name: str) -> None:
    text = TEXTS[name].replace(NAMESPACE, "")
    assert not re.search(r"(?:https?|wss?|ftp):|[\"'(]//|@import|importScripts|@font-face", text)


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith((".html", ".svg"))])
def test_nothing_inline_that_the_policy_would_refuse(name: str) -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", TEXTS[name])


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r'\{\{static\}\}/([\w.-]+)"', TEXTS["index.html"]))
    for text in TEXTS.values():
        named |= set(re.findall(r'from "\./([\w.-]+)"', text))
    assert named == set(TEXTS) - {"index.html"}


def test_every_id_that_a_script_finds_is_in_the_page() -> None:
    ids = set(re.findall(r'\sid="([\w-]+)"', TEXTS["index.html"]))
    found = {name for text in TEXTS.values() for name in re.findall(r'find\("([\w-]+)"\)', text)}
    assert found
    assert found <= ids


def test_what_refers_to_an_id_finds_it() -> None:
    page = TEXTS["index.html"]
    referred = re.findall(r'aria-(?:controls|labelledby|describedby)="([\w-]+)"', page)
    assert referred
    assert set(referred) <= set(re.findall(r'\sid="([\w-]+)"', page))
