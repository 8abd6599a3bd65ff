"""The shop service: products, and orders that an Idempotency-Key creates only once."""

from dataclasses import dataclass, field
from threading import Lock

from exeat.cli.sample.message import Answer, Refusal, Request, answer_json, not_found, parse_number

MOST_ORDERS = 500
FIRST_ORDER = 1001
PRODUCTS: dict[int, dict[str, object]] = {
    number: {"id": number, "name": name, "price": {"amount": amount, "currency": "EUR"}}
    for number, (name, amount) in enumerate(
        (("Notebook, dotted", "7.90"), ("Pencil, 2B", "1.20"), ("Desk lamp", "49.00"), ("Blotting paper", "3.50")), 1
    )
}


@dataclass(slots=True)
class Shop:
    """The products, and the orders made so far."""

    _orders: dict[int, dict[str, object]] = field(default_factory=dict)
    _made: dict[str, int] = field(default_factory=dict)
    _next: int = FIRST_ORDER
    _lock: Lock = field(default_factory=Lock)

    def serve(self, request: Request) -> Answer:
        """Answer one request below `/v1`."""
        match request.method, request.segments:
            case "GET" | "HEAD", ("v1", "products"):
                return answer_json(list(PRODUCTS.values()))
            case "GET" | "HEAD", ("v1", "products", text):
                return answer_json(_product(parse_number(text, 1, 10**6)))
            case "POST", ("v1", "orders"):
                return self._order(request)
            case "GET" | "HEAD", ("v1", "orders", text):
                return self._find(parse_number(text, 1, 10**9))
            case "GET" | "HEAD", ("v1", "admin", *_):
                return answer_json({"revenue": "nobody should read this through the gateway"})
            case _:
                raise not_found()

    def _order(self, request: Request) -> Answer:
        wanted = request.json()
        product, quantity = wanted.get("product"), wanted.get("quantity", 1)
        if not isinstance(product, int) or not isinstance(quantity, int) or not 1 <= quantity <= 100:  # noqa: PLR2004
            raise Refusal(422, 'An order is {"product": a number, "quantity": 1 to 100}.')
        item = _product(product)
        with self._lock:
            number = self._made.get(request.fields.get("idempotency-key", ""))
            if number is None or number not in self._orders:
                number = self._make(item, quantity, request.fields.get("idempotency-key"))
            return answer_json(self._orders[number], 201, location=f"/v1/orders/{number}")

    def _make(self, item: dict[str, object], quantity: int, once: str | None) -> int:
        if len(self._orders) >= MOST_ORDERS:
            self._orders.clear()
            self._made.clear()
        number, self._next = self._next, self._next + 1
        self._orders[number] = {"id": number, "product": item, "quantity": quantity, "state": "paid"}
        if once:
            self._made[once] = number
        return number

    def _find(self, number: int) -> Answer:
        with self._lock:
            order = self._orders.get(number)
        if order is None:
            raise not_found(f"There is no order {number}.")
        return answer_json(order)


def _product(number: int) -> dict[str, object]:
    product = PRODUCTS.get(number)
    if product is None:
        raise not_found(f"There is no product {number}.")
    return product
