"""The table of options: one row for each option, and everything that is made from the rows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import ROOT

from background_removal.cli import checks, table
from background_removal.cli.needs import NEEDS
from background_removal.cli.options import FIRST, build_parser, build_request, parse_options
from background_removal.cli.request import SOURCES, Request
from background_removal.cli.table import GROUPS, OPTIONS, Kind, options_page
from background_removal.cli.words import rename_parameters
from background_removal.effects.portrait_crop import SHAPES
from background_removal.errors import InputError
from background_removal.look import EFFECTS, NAMES, SETTINGS, Look
from background_removal.page.models import LookChanges
from background_removal.page.options import list_options


def request_of(*arguments: str) -> Request:
    return build_request(parse_options(arguments))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_declared_once_with_a_field_and_help(option: table.Option) -> None:
    assert [other.name for other in OPTIONS].count(option.name) == 1
    assert option.group in GROUPS
    assert option.help
    assert all(need in NEEDS for need in option.needs)
    names = [field.name for field in fields(option.carrier)]
    assert (option.field or option.name) in names
    if option.is_effect:
        assert option.name.replace("_", "-") in EFFECTS
    else:
        request = request_of()
        recipe = request.recipe
        inside = (getattr(recipe, field.name) for field in fields(recipe))
        carriers = (request, request.live, recipe, *inside)
        carrier = next(carrier for carrier in carriers if type(carrier) is option.carrier)
        assert getattr(carrier, option.field or option.name) == option.default_value


def test_help_shows_every_option_in_its_group() -> None:
    text = build_parser().format_help()
    for group, title in GROUPS.items():
        if group == "program":
            part = text.partition("\noptions:\n")[2]
        else:
            part = text.partition(f"\n{title}:\n")[2]
        part = part.partition("\n\n")[0]
        for option in OPTIONS:
            shown = re.search(rf"  {re.escape(option.flag)}(?![\w-])", part) is not None
            assert shown == (option.group == group), option.name


def test_the_first_help_has_the_ten_options_of_most_people() -> None:
    assert len(FIRST) == 10
    text, whole = build_parser(first_only=True).format_help(), build_parser().format_help()
    for option in OPTIONS:
        assert (f"  {option.flag}" in text) == (option.name in FIRST), option.name
    assert "--help-all" in text
    assert len(text.splitlines()) < len(whole.splitlines()) / 3
    for shown in (text, whole):
        usage, _, rest = shown.partition("\n\n")
        assert len(usage.splitlines()) == 2
        assert rest


@pytest.mark.parametrize(("option", "there"), [("-h", False), ("--help", False), ("--help-all", True)])
def test_help_is_short_unless_all_is_asked_for(run_main, option: str, there: bool) -> None:
    outcome = run_main("--blur", "strong", option)
    assert (outcome.code, outcome.err) == (0, "")
    assert ("--edge-softness" in outcome.out, "--background" in outcome.out) == (there, True)


def test_the_page_of_options_is_that_of_the_table() -> None:
    """To write it: python -m background_removal.cli.table > docs/options.md."""
    assert (ROOT / "docs" / "options.md").read_text(encoding="utf-8") == options_page()


def test_only_the_parser_knows_argparse_namespaces() -> None:
    for file in (ROOT / "background_removal").rglob("*.py"):
        assert "Namespace" not in file.read_text(encoding="utf-8"), file


def test_a_request_is_the_typed_options_over_the_settings_over_the_defaults() -> None:
    request = build_request(
        parse_options(["a.jpg", "--object", "a.py:a", "--no-flip", "--low-light", "--jobs", "1", "--microphone", ""]),
        {"object": ["b.py:b"], "flip": True, "defocus": True, "threshold": 0.3, "microphone": "default", "size": "4x2"},
    )
    assert request.recipe.objects == ("b.py:b", "a.py:a")
    assert request.recipe.look.effects == ("low-light", "defocus")
    assert (request.recipe.flip, request.recipe.look.threshold, request.live.microphone) == (False, 0.3, "")
    assert (request.live.size, request.live.mirror_preview) == ((4, 2), True)
    assert request.typed == {"paths", "object", "low_light", "jobs"}, "not what only takes something back"


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.needs], ids=lambda option: option.name)
def test_every_option_with_needs_is_refused_without_them(option: table.Option) -> None:
    values = {Kind.FLAG: [], Kind.SWITCH: [], Kind.VALUES: ["x"], Kind.REPEATED: ["x.py:x"]}.get(
        option.kind, [option.choices[-1] if option.choices else {"size": "4x4", "model_size": "4x4", "shard": "1/2",
        "transparent_color": "red", "place": "left", "key": "green"}.get(option.name, "1")],
    )  # fmt: skip
    # For one of these runs every option is out of place.
    said = []
    for arguments in (["a.mp4", "--no-segmentation"], ["--no-show"], ["--serve"]):
        try:
            checks.check(request_of(*arguments, option.flag, *values))
            checks.check_images_only(request_of(*arguments, option.flag, *values), "these are images")
        except InputError as error:
            said.append(str(error))
    assert any(text.startswith(f"{option.flag} ") for text in said), said


def test_the_page_refuses_what_it_does_not_take() -> None:
    for option in OPTIONS:
        if option.kind is Kind.FLAG and option.name not in ("quiet", "defocus"):
            if option.on_page:
                checks.check(request_of("--serve", option.flag))
            else:
                with pytest.raises(InputError, match=f"^{option.flag} goes without --serve"):
                    checks.check(request_of("--serve", option.flag))


def test_the_page_has_a_control_for_every_option_of_the_look() -> None:
    """With the default, the limits and the choices of the option."""
    settings = {setting.name: setting for setting in list_options().settings}
    for option in OPTIONS:
        if option.carrier is not Look or option.is_effect:
            continue
        setting = settings.pop(option.name)
        assert setting.default == option.default_value, option.name
        assert option.choices in ((), tuple(setting.choices)), option.name
        for text in setting.choices:
            assert option.parse(text) == text, option.name
        if setting.limits is not None and setting.kind != "place":
            assert [option.parse(f"{limit:g}") for limit in setting.limits] == [*setting.limits], option.name
    effects = [option.name.replace("_", "-") for option in OPTIONS if option.carrier is Look and option.is_effect]
    assert set(settings.pop("effects").choices) == set(effects)
    assert settings == {}
    assert set(LookChanges.model_fields) == set(SETTINGS) == set(NAMES)
    assert [crop.name for crop in list_options().crops] == ["", *SHAPES]


def test_messages_name_options_for_parameters() -> None:
    text = rename_parameters("`bg_blur_ratio`, `webcam_id`, `output_path`, `record_path`, `show=False`, `other`")
    assert text == "--blur, --webcam, --output, --record, --no-show, `other`"


@pytest.mark.parametrize("shell", table.SHELLS)
def test_completion_is_printed_for_each_shell(run_main, shell: str) -> None:
    pytest.importorskip("shtab")
    outcome = run_main("--print-completion", shell)
    assert (outcome.code, outcome.err) == (0, "")
    for option in OPTIONS:
        if option.name != "paths":
            assert option.flag.lstrip("-") in outcome.out
    program = shutil.which(shell)
    if program:
        check = [program, "--no-execute"] if shell == "fish" else [program, "-n"]
        assert subprocess.run(check, input=outcome.out, encoding="utf-8", capture_output=True).returncode == 0


def test_completion_without_its_package_says_how_to_install_it(run_main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    outcome = run_main("--print-completion", "bash")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: --print-completion needs an extra package: python -m pip install shtab\n"


def test_the_program_is_named_as_it_was_started(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    shape = "[FILE ...] [--background SPEC]"
    for command, usage, example in (
        ([str(ROOT / "main.py")], f"usage: main.py {shape}", "\n  python main.py --serve  "),
        (["-m", "background_removal"], f"usage: background-removal {shape}", "\n  background-removal --serve  "),
    ):
        done = subprocess.run([sys.executable, *command, "--help"], capture_output=True, encoding="utf-8", env=env)
        assert done.stdout.startswith(usage)
        assert example in done.stdout


def test_sources_are_options() -> None:
    assert {option.name for option in OPTIONS if option.group == "sources"} == set(SOURCES)
