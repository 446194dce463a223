"""Actions of the page: those of the program that apply to it, with the page's labels, and its own."""

from __future__ import annotations

from dataclasses import replace

from background_removal.compositing.blur import RelativeBlur
from background_removal.page.models import PageAction
from background_removal.pipeline import actions
from background_removal.pipeline.actions import Action

_BESIDE = replace(actions.BESIDE, label="beside the original, or over it")
_FULL_SCREEN = replace(actions.FULL_SCREEN, keys=("g",), keys_text="")


def _blur_steps() -> tuple[str, ...]:
    """Return the strengths that the keys [ and ] step through, as in the window."""
    steps = [RelativeBlur(0.01).step(more=True)]
    while (stronger := steps[-1].step(more=True)) != steps[-1]:
        steps.append(stronger)
    return tuple(step.value for step in steps)


# Actions of each tab, in the order of the list of keys; "" for all tabs.
_TABS: dict[str, tuple[Action, ...]] = {
    "": (
        Action("tab-camera", ("1",), "camera, photo, video"),
        Action("tab-photo", ("2",), "camera, photo, video"),
        Action("tab-video", ("3",), "camera, photo, video"),
        replace(actions.KEYS, keys=("?", "h"), keys_text=""),
        actions.NEXT_BACKGROUND,
        actions.PREVIOUS_BACKGROUND,
        replace(actions.BACKGROUND, label="blur, picture, colour, none"),
        replace(actions.LESS_BLUR, choices=_blur_steps()),
        replace(actions.MORE_BLUR, choices=_blur_steps()),
        actions.KEEP_MORE,
        actions.KEEP_LESS,
        actions.THRESHOLD,
        actions.PEOPLE,
        replace(actions.PLACE, label="the person left, right, in the middle, as they are"),
        actions.SHADOW,
        replace(actions.AUTO_FRAME, label="follow the head"),
        replace(actions.LOW_LIGHT, label="brighten when it is dark"),
        replace(actions.COLOR_BALANCE, label="balance the colours"),
        replace(actions.DEFOCUS, label="defocus the distance"),
    ),
    "camera": (
        actions.FREEZE,
        actions.MIRROR,
        replace(actions.BESIDE, label="beside the original"),
        actions.MATTE,
        replace(actions.PLATE, takes="", choices=(), label="step aside: take the empty room"),
        actions.SNAPSHOT,
        actions.RECORD,
        actions.KEEP_AT,
        _FULL_SCREEN,
        replace(actions.QUIT, keys=("q",), keys_text="", label="stop the camera"),
        Action("start", ("Enter",), "start the camera"),
    ),
    "photo": (
        Action("open", ("o",), "open photos"),
        Action("save", ("s",), "save the result"),
        _BESIDE,
        Action("brush", ("r",), "brush: keep or erase what you mark"),
        Action("move", ("m",), "move the person before a new background"),
        Action("undo", ("u",), "undo / redo a stroke"),
        Action("redo", ("y",), "undo / redo a stroke"),
        Action("zoom", ("x",), "100 %, or all of it"),
        Action("previous", (",",), "previous / next photo"),
        Action("next", (".",), "previous / next photo"),
        Action("remove", ("Delete",), "take the photo off the page"),
        _FULL_SCREEN,
    ),
    "video": (
        Action("open", ("o",), "open videos"),
        Action("start", ("Enter",), "begin"),
        Action("play", (" ",), "play or pause"),
        _BESIDE,
        Action("save", ("s",), "save the result"),
        Action("cancel", ("x",), "cancel"),
        Action("previous", (",",), "previous / next video"),
        Action("next", (".",), "previous / next video"),
        Action("remove", ("Delete",), "take the video off the page"),
        _FULL_SCREEN,
    ),
}


def list_actions() -> list[PageAction]:
    """Return all actions of the page."""
    return [
        PageAction(
            tab=tab,
            name=action.name,
            keys=list(action.keys),
            aliases=list(action.aliases),
            label=action.label,
            takes=action.takes,
            choices=list(action.choices),
            limits=action.limits,
        )
        for tab, tab_actions in _TABS.items()
        for action in tab_actions
    ]
