"""The stripe SDK against a stand-in that takes requests as Stripe's OpenAPI describes them."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.sdks.place import Api, Place, beside, placed
from tests.support.apis.answers import Reply
from tests.support.apis.stripe import VERSION, Stripe
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.markers import MARKERS

SECRET = MARKERS.make("secret of Stripe")
Make = Callable[..., stripe.StripeClient]
BUSY = Reply(503, {"error": {"message": "Busy.", "type": "api_error"}})


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway before Stripe, and its host for files beside it."""
    account = Stripe(SECRET)
    with beside(authority, account.files) as files:
        entry = {"credential": {"kind": "bearer", "secret": SECRET}, "circuit": "off"}
        apis = {
            "stripe": Api(account.api, entry, sibling=files),
            "once": Api(account.api, {**entry, "retries": "off"}),
        }
        with placed(authority, Path(tmp_path_factory.mktemp("stripe")), **apis) as place:
            yield place


@pytest.fixture(autouse=True)
def _bundle(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the SDK trust the authority: it brings its own bundle, and heeds no variable."""
    monkeypatch.setattr(stripe, "ca_bundle_path", str(authority.file))
    monkeypatch.setattr(stripe, "enable_telemetry", False)


@pytest.fixture
def made(place: Place) -> Iterator[Make]:
    """Makes clients as their users make them; their connections are closed at the end."""
    http = stripe.RequestsClient()

    def make(key: str | None = None, upstream: str = "stripe", **more: Any) -> stripe.StripeClient:
        addresses = {"api": f"{place.url}/{upstream}"}
        options = {"http_client": http, "base_addresses": addresses, **more}
        return stripe.StripeClient(key or place.key, **options)

    yield make
    http.close()  # type: ignore[no-untyped-call]


def test_call(place: Place, made: Make) -> None:
    """Objects are made, read, changed and deleted; nested members arrive as they were, and the key doesn't."""
    client = made()
    customer = client.v1.customers.create(
        {"name": "Zoë", "address": {"line1": "1 Rue de l'Été", "city": "Genève & Co"}, "metadata": {"order": "50% = ½"}}
    )
    found = client.v1.customers.retrieve(customer.id)
    assert found.address is not None
    assert found.metadata is not None
    assert (found.name, found.address.city, found.metadata["order"]) == ("Zoë", "Genève & Co", "50% = ½")
    assert client.v1.customers.update(customer.id, {"balance": -250}).balance == -250
    assert client.v1.customers.delete(customer.id).deleted
    request = place.apis["stripe"].requests[-1]
    assert request.fields["authorization"] == f"Bearer {SECRET}"
    assert VERSION.fullmatch(request.fields["stripe-version"])


def test_request_id(place: Place, made: Make) -> None:
    """Both ids are shown: Stripe's own, and the one that finds the call in the gateway."""
    answer = made().v1.balance.retrieve().last_response
    assert answer is not None
    assert str(answer.request_id).startswith("req_")
    line = place.record(answer.headers["Exeat-Request-Id"])
    assert (line["consumer"], line["upstream"], line["path"]) == ("app", "stripe", "/v1/balance")


def test_pages(place: Place, made: Make) -> None:
    """Lists are followed page by page; which page is next is in the query, so no URL has to be rewritten."""
    client = made()
    numbers = [client.v1.customers.create({"name": str(number)}).id for number in range(5)]
    pages = client.v1.customers.list({"limit": 2})
    assert [customer.id for customer in pages.auto_paging_iter()][:5] == numbers[::-1]
    assert sum(request.path == "/v1/customers" and request.method == "GET" for request in place.apis["stripe"].requests)


@pytest.mark.filterwarnings("ignore:Use 'content")  # of httpx, about the SDK
def test_asynchronous(made: Make) -> None:
    """The asynchronous methods work the same."""

    async def main() -> str | None:
        http = stripe.HTTPXClient()
        client = made(http_client=http)
        intent = await client.v1.payment_intents.create_async(
            {"amount": 1999, "currency": "eur", "automatic_payment_methods": {"enabled": True}}
        )
        await http.close_async()  # type: ignore[no-untyped-call]
        return intent.status

    assert asyncio.run(main()) == "requires_payment_method"


def test_files(place: Place, made: Make, tmp_path: Path) -> None:
    """Files go to another host of Stripe, and through the gateway as well."""
    client = made(base_addresses={"api": f"{place.url}/stripe", "files": place.sibling("stripe")})
    content = bytes(range(256)) * 400
    path = tmp_path / "all.bin"
    path.write_bytes(content)
    with path.open("rb") as opened:
        file = client.v1.files.create({"file": opened, "purpose": "dispute_evidence"})
    assert (file.size, file.filename) == (len(content), str(path))
    assert client.v1.files.retrieve(file.id).purpose == "dispute_evidence"


def test_errors_of_the_api(made: Make) -> None:
    """What Stripe refuses is the SDK's own error, with its code."""
    client = made()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.retrieve("cus_unknown")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert refused.value.headers is not None
    assert refused.value.headers["exeat-origin"] == "upstream"
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: colour"):
        client.v1.customers.create({"colour": "red"})  # type: ignore[arg-type]
    with pytest.raises(stripe.CardError) as declined:
        client.v1.charges.create({"amount": 402, "currency": "usd"})
    assert declined.value.code == "card_declined"


def test_errors_of_the_gateway(place: Place, made: Make) -> None:
    """What the gateway refuses is an APIError whose body is the problem: the SDK knows Stripe's form of errors only."""
    with pytest.raises(stripe.APIError) as refused:
        made(make_key().key).v1.balance.retrieve()
    problem = json.loads(refused.value.http_body or "")
    assert (refused.value.http_status, problem["code"]) == (401, "key-unknown")
    assert place.record(problem["request_id"])["error"] == "key-unknown"


def test_one_charge(place: Place, made: Make) -> None:
    """A charge that fails on its way is sent again with the key that the SDK gave it, so it is made once."""
    with place.apis["stripe"].failing(BUSY, BUSY) as heard:
        charge = made(max_network_retries=0).v1.charges.create({"amount": 100, "currency": "usd"})
    assert charge.status == "succeeded"
    assert len(heard) == 3
    assert len({request.fields["idempotency-key"] for request in heard}) == 1


def test_idempotency_keys(made: Make) -> None:
    """A key of the caller's own stands for one request, as without a gateway."""
    client = made()
    options: stripe.RequestOptions = {"idempotency_key": "order-4711"}
    first = client.v1.charges.create({"amount": 100, "currency": "usd"}, options)
    assert client.v1.charges.create({"amount": 100, "currency": "usd"}, options).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.charges.create({"amount": 200, "currency": "usd"}, options)


def test_retries_on_one_side(place: Place, made: Make) -> None:
    """It is three attempts, whoever repeats: the gateway, as a StripeClient doesn't; or the SDK, if it is told to."""
    for upstream, retries in ("stripe", None), ("once", 2):
        with place.apis[upstream].failing(BUSY, BUSY, BUSY) as heard, pytest.raises(stripe.APIError) as failed:
            made(upstream=upstream, max_network_retries=retries).v1.balance.retrieve()
        assert (len(heard), failed.value.http_status) == (3, 503)


def test_retries_multiply(place: Place, made: Make) -> None:
    """With both it is three times three, for the SDK doesn't say that it repeats: so one side has to be turned off."""
    with place.apis["stripe"].failing(*[BUSY] * 9) as heard, pytest.raises(stripe.APIError):
        made(max_network_retries=2).v1.balance.retrieve()
    assert len(heard) == 9


def test_module(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older style, with settings of the module: it repeats twice by itself."""
    monkeypatch.setattr(stripe, "api_key", place.key)
    monkeypatch.setattr(stripe, "api_base", f"{place.url}/once")
    with place.apis["once"].failing(BUSY, BUSY) as heard:
        assert stripe.Balance.retrieve().available[0].amount == 4200
    assert stripe.default_http_client is not None
    stripe.default_http_client.close()  # type: ignore[no-untyped-call]
    assert len(heard) == 3
