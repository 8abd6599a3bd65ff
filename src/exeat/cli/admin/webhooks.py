"""`exeat webhook`: see that events arrive where they are sent."""

from exeat.cli.admin.api import Api, path_of
from exeat.cli.admin.reach import with_api
from exeat.cli.output import FAILED, FINE, complain, say, say_json


def send_test(name: str, *, as_json: bool) -> int:
    """Send a message to a webhook, and say what became of it."""

    def work(api: Api) -> int:
        told = api.post(path_of("webhooks", name, "test")).body
        if as_json:
            say_json(told)
        elif told["delivered"]:
            say(f"webhook {name} has taken the message (status {told['status']}).")
        else:
            why = f"it answers {told['status']}" if told["reason"] is None else told["reason"]
            complain([f"webhook {name} hasn't taken the message: {why}"])
        return FINE if told["delivered"] else FAILED

    return with_api(work)
