"""Presets: what is known of well-known APIs, for who makes an upstream of one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import JSONResponse

from exeat.admin import running_answers as answers
from exeat.admin.answering import reads
from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.config.presets import Preset, UnknownPresetError, links_of, preset_names, read_preset

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["upstreams"])


@router.get("/presets", operation_id="list_presets", responses=reads(answers.Presets))
def list_presets() -> JSONResponse:
    """Every preset, by name."""
    return JSONResponse({"items": [_show_short(name, read_preset(name)) for name in preset_names()]})


@router.get("/presets/{name}", operation_id="get_preset", responses=reads(answers.PresetShown, Code.NOT_FOUND))
def get_preset(name: Annotated[str, Path(max_length=64, description="The preset's name.")]) -> JSONResponse:
    """All that a preset says, and which pages say so."""
    try:
        preset = read_preset(name)
    except UnknownPresetError as error:
        raise Refusal(Code.NOT_FOUND, f"There is no preset '{name}'.") from error
    verify = preset.verify
    return JSONResponse(
        {
            **_show_short(name, preset),
            "siblings": list(preset.siblings),
            "credential": preset.credential,
            "idempotency_key": preset.idempotency_key,
            "links": links_of(preset),
            "limits": list(preset.limits),
            "verify": None if verify is None else f"{verify.method} {verify.path}",
            "unconfirmed": list(preset.unconfirmed),
            "sources": preset.sources,
        }
    )


def _show_short(name: str, preset: Preset) -> dict[str, Any]:
    return {
        "name": name,
        "title": preset.title,
        "url": preset.url,
        "parameters": {
            parameter: {"what": one.what, "example": one.example, "default": one.default}
            for parameter, one in preset.parameters.items()
        },
        "secrets": preset.secrets,
    }
