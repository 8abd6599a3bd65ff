"""The partner service: called as a bare destination, with whatever credential its caller brings."""

from exeat.cli.sample.message import Answer, Request, answer_json, not_found

RATES = {"EUR": "1", "USD": "1.0845", "JPY": "163.20", "NOK": "11.7310"}


def serve(request: Request) -> Answer:
    """Answer `/rates`."""
    if request.segments == ("rates",) and request.method in {"GET", "HEAD"}:
        return answer_json({"base": "EUR", "rates": RATES}, cache_control="public, max-age=300")
    raise not_found()
