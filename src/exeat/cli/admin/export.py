"""`exeat export`: the document that the database holds, as `exeat apply` takes it."""

from exeat.cli.admin.api import Api
from exeat.cli.admin.reach import with_api
from exeat.cli.output import FINE, say, say_json


def export_document(*, everything: bool, as_json: bool) -> int:
    """Print the document; secrets are references to the vault, or masked."""

    def work(api: Api) -> int:
        whole = "true" if everything else None
        if as_json:
            say_json(api.get("/export", all=whole, format="json").body)
        else:
            say(api.get("/export", all=whole, format="yaml").body)
        return FINE

    return with_api(work)
