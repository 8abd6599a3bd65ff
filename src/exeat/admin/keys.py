"""Keys of consumers: made and rotated here, shown once, known by their digest from then on."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.responses import JSONResponse

from exeat.admin import key_answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.paging import Paged, answer_page
from exeat.admin.pointers import Focus, parse_path, render_pointer
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute, Members, looked_at_by
from exeat.admin.services import Services
from exeat.admin.shown import faults_of_expiry, parse_expiry, render_time, state_of
from exeat.admin.versions import tag
from exeat.admin.writing import Write, Writing
from exeat.config.grammar import parse_network
from exeat.config.limit_entries import MOST_LIMITS
from exeat.config.problem import Place, unquote
from exeat.config.validate import judge_limits
from exeat.model.key import ID_LENGTH, SECRET_LENGTH, NewKey, make_key
from exeat.store.configuration.edit import Edit
from exeat.store.configuration.keys import KeyItem, get_key, list_keys
from exeat.store.configuration.objects import get_object

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["keys"])
Id = Annotated[str, Path(max_length=64, description="The key's id, which is part of the key.")]
GRACES_S = {"immediate": 0, "1h": 3600, "24h": 86400, "7d": 7 * 86400}
VISIBLE = r"^[^\x00-\x1f\x7f]*$"
Label = Annotated[str, Field(max_length=200, pattern=VISIBLE, description="What people call it.")]
Networks = Annotated[list[str], Field(max_length=1000, description="Where it may be used from; anywhere if empty.")]
Limits = Annotated[
    list[Any],
    Field(
        max_length=MOST_LIMITS,
        description="How much it may call, beside its consumer's limits; a key that replaces it counts anew.",
    ),
    WithJsonSchema({"type": "array", "items": {"$ref": "#/components/schemas/Limit"}, "maxItems": MOST_LIMITS}),
]
ExpiresAt = Annotated[str | None, Field(description="When it ends: RFC 3339.")]
ExpiresIn = Annotated[str | None, Field(description="When it ends: a length of time from now, as in `90d`.")]


ShowsPair = Annotated[
    bool, Field(description="Whether the answer shows the access key and secret with which clients of AWS sign, too.")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class KeyWanted(_Body):
    """A key to be made."""

    consumer: str = Field(max_length=63, pattern=VISIBLE)
    label: Label = ""
    expires_at: ExpiresAt = None
    expires_in: ExpiresIn = None
    networks: Networks = []
    limits: Limits = []
    aws: ShowsPair = False


class KeyPatch(_Body):
    """What is to be different of a key; null for `expires_at` is never."""

    label: Label | None = None
    expires_at: ExpiresAt = None
    expires_in: ExpiresIn = None
    networks: Networks | None = None
    limits: Limits | None = None


class Rotation(_Body):
    """How a key is replaced."""

    grace: Literal["immediate", "1h", "24h", "7d"] = Field(default="24h", description="How long the old one works on.")
    expires_at: ExpiresAt = None
    expires_in: ExpiresIn = None
    aws: ShowsPair = False


class _Fresh(NamedTuple):
    """What a new key is for."""

    consumer: str
    label: str
    networks: list[str]
    limits: list[Any]
    expires_at: int | None
    replaces: str | None = None
    shows_pair: bool = False


def _look(request: Request, members: Members) -> list[Fault]:
    """What is wrong with what is wished of a key, but for what its schema says."""
    services: Services = request.app.state.services
    faults = faults_of_expiry(members, services.now_us())
    consumer = members.get("consumer")
    if consumer is not None and not _exists(services, consumer):
        faults.append(Fault("/consumer", f"there is no consumer '{consumer}'"))
    faults += _faults_of_networks(members.get("networks") or [])
    return [*faults, *_faults_of_limits(members.get("limits") or [])]


def _faults_of_networks(networks: list[str]) -> Iterator[Fault]:
    for index, network in enumerate(networks):
        try:
            parse_network(network)
        except ValueError as error:
            yield Fault(f"/networks/{index}", unquote(str(error), hide=False))


def _faults_of_limits(limits: list[Any]) -> Iterator[Fault]:
    for problem in judge_limits(limits, Place("the body")):
        yield Fault(render_pointer(parse_path(problem.path)), problem.message)


@router.get("/keys", operation_id="list_keys", responses=reads(key_answers.Keys))
def list_all(
    request: Request, page: Paged, consumer: Annotated[str | None, Query(description="Only this one's.")] = None
) -> JSONResponse:
    """The keys that are kept in the database, by id; those of a file are shown with their consumers."""
    services: Services = request.app.state.services
    found = list_keys(services.engine, consumer=consumer, after=page.after, limit=page.limit + 1)
    return answer_page([show_key(item, services.now_us()) for item in found], page.limit, "id")


@router.get("/keys/{id}", operation_id="get_key", responses=reads(key_answers.Key, Code.NOT_FOUND, tagged=True))
def get_one(request: Request, id: Id) -> JSONResponse:  # noqa: A002 - the name in the path
    """One key."""
    services: Services = request.app.state.services
    item = _find(services, id)
    return JSONResponse(show_key(item, services.now_us()), headers={"ETag": tag(item.revision)})


@router.post(
    "/keys",
    operation_id="create_key",
    status_code=201,
    responses=changes(key_answers.NewKey, status=201, versioned=False),
)
@looked_at_by(_look)
def create(request: Request, write: Write, wanted: KeyWanted) -> JSONResponse:
    """Make a key of a consumer, whichever source that is written in; the answer shows it this once."""
    write.refuse(_look(request, wanted.model_dump()))
    expires_at = parse_expiry(wanted.expires_at, wanted.expires_in, write.services.now_us(), [])
    fresh = _Fresh(wanted.consumer, wanted.label, wanted.networks, wanted.limits, expires_at, None, wanted.aws)
    return _make(write, fresh, lambda _edit: None)


@router.patch("/keys/{id}", operation_id="patch_key", responses=changes(key_answers.Key))
@looked_at_by(_look)
def patch_one(request: Request, write: Write, id: Id, patch: KeyPatch) -> JSONResponse:  # noqa: A002 - the name in the path
    """Change what is said of a key; its text stays."""
    write.refuse(_look(request, patch.model_dump(exclude_unset=True)))
    expires_at = parse_expiry(patch.expires_at, patch.expires_in, write.services.now_us(), [])
    given: dict[str, Any] = {
        name: getattr(patch, name)
        for name in ("label", "networks", "limits")
        if name in patch.model_fields_set and getattr(patch, name) is not None
    }
    if patch.model_fields_set & {"expires_at", "expires_in"}:
        given["expires_at"] = expires_at
    with write.edit(Focus("key", id)) as edit:
        item = _find(write.services, id)
        write.versions.judge(item.revision, f"key '{id}'")
        edit.change_key(id, **given)
    return _answer(write, id)


@router.post(
    "/keys/{id}/rotate",
    operation_id="rotate_key",
    status_code=201,
    responses=changes(key_answers.NewKey, Code.NOT_FOUND, Code.STALE, status=201, versioned=False),
)
@looked_at_by(_look)
def rotate(request: Request, write: Write, id: Id, rotation: Rotation) -> JSONResponse:  # noqa: A002 - the name in the path
    """Make a key in the place of another, which works on for as long as `grace` says.

    Unless told otherwise the new one lives as long as the old one was made for.
    """
    services = write.services
    now = services.now_us()
    old = _find(services, id)
    write.refuse(_look(request, rotation.model_dump()))
    expires_at = parse_expiry(rotation.expires_at, rotation.expires_in, now, [])
    if expires_at is None and old.expires_at is not None:
        expires_at = now + max(old.expires_at - old.created_at, 0)

    def end_old(edit: Edit) -> None:
        write.versions.judge_if_based(old.revision, f"key '{id}'")
        if state_of(old.expires_at, old.revoked_at, now) != "active":
            raise Refusal(
                Code.CONFLICT, f"The key '{id}' is no longer good, so nothing can take its place; make a new one."
            )
        if rotation.grace == "immediate":
            edit.revoke_key(id)
        else:
            edit.expire_key(id, now + GRACES_S[rotation.grace] * 1_000_000)

    fresh = _Fresh(old.consumer, old.label, list(old.networks), list(old.limits), expires_at, id, rotation.aws)
    return _make(write, fresh, end_old)


@router.post(
    "/keys/{id}/revoke",
    operation_id="revoke_key",
    responses=changes(key_answers.Key, Code.NOT_FOUND, Code.STALE, versioned=False),
)
def revoke(write: Write, id: Id) -> JSONResponse:  # noqa: A002 - the name in the path
    """Take a key back, for good: every worker refuses it within a second. No version is asked for."""
    with write.edit(Focus("key", id), mends=True) as edit:
        write.versions.judge_if_based(_find(write.services, id).revision, f"key '{id}'")
        edit.revoke_key(id)
    return _answer(write, id)


def _make(write: Writing, fresh: _Fresh, first: Callable[[Edit], None]) -> JSONResponse:
    made: NewKey = make_key(write.services.symbols(ID_LENGTH + SECRET_LENGTH))
    pair = write.services.sealer.pair_of(made.id) if fresh.shows_pair and not write.dry_run else None
    with write.edit(Focus("key", made.id), mends=fresh.replaces is not None) as edit:
        first(edit)
        edit.add_key(
            id=made.id,
            sha256=made.sha256,
            consumer=fresh.consumer,
            label=fresh.label,
            expires_at=fresh.expires_at,
            networks=tuple(fresh.networks),
            limits=tuple(fresh.limits),
            replaces=fresh.replaces,
        )
    if write.dry_run:
        return write.preview()
    item = _find(write.services, made.id)
    shown: dict[str, object] = {**show_key(item, write.services.now_us()), "key": made.key}
    if pair is not None:
        shown["aws"] = {"access_key_id": pair.access_key_id, "secret_access_key": pair.secret.reveal()}
    return write.answer(shown, item.revision, 201)


def _answer(write: Writing, id_: str) -> JSONResponse:
    if write.dry_run:
        return write.preview()
    item = _find(write.services, id_)
    return write.answer(show_key(item, write.services.now_us()), item.revision)


def _find(services: Services, id_: str) -> KeyItem:
    item = get_key(services.engine, id_)
    if item is None:
        raise Refusal(Code.NOT_FOUND, f"There is no key '{id_}' in the database.")
    return item


def _exists(services: Services, consumer: str) -> bool:
    is_outside = ("consumer", consumer) in services.outside().sources
    return is_outside or get_object(services.engine, "consumer", consumer) is not None


def show_key(item: KeyItem, now_us: int) -> dict[str, Any]:
    """A key as answers have it."""
    return {
        "id": item.id,
        "consumer": item.consumer,
        "label": item.label,
        "state": state_of(item.expires_at, item.revoked_at, now_us),
        "created_at": render_time(item.created_at),
        "created_by": item.created_by,
        "expires_at": render_time(item.expires_at),
        "revoked_at": render_time(item.revoked_at),
        "last_used_at": render_time(item.last_used_at),
        "networks": list(item.networks),
        "limits": list(item.limits),
        "replaces": item.replaces,
        "revision": item.revision,
        "warnings": [],
    }
