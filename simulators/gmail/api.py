"""Owns the Gmail API's methods under `/gmail/v1/users/{user}` and their upload twins."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from sqlite3 import Row
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.gmail import mime
from simulators.gmail.access import Access
from simulators.gmail.errors import GmailError
from simulators.gmail.mailbox import Mailbox, resource
from simulators.gmail.push import Watch
from simulators.gmail.sending import Sending
from simulators.gmail.upload import submitted
from simulators.input import BadInputError, json_object, whole_number

Handler = Callable[["Api", Request], Awaitable[Response]]

_ROOT: Final = "/gmail/v1/users/{user}"
_PAGE: Final = 100
_LONGEST_PAGE: Final = 500
_TOKEN: Final = re.compile(r"[0-9]{1,18}")
_KINDS: Final = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


class Api:
    """Answers the client's requests about one mailbox."""

    def __init__(self, address: str, mailbox: Mailbox, sending: Sending, watch: Watch) -> None:
        self._address = address
        self._mailbox = mailbox
        self._sending = sending
        self._watch = watch

    async def profile(self, _request: Request) -> Response:
        """Shows where the mailbox stands."""
        messages, threads = self._mailbox.totals()
        return JSONResponse(
            {
                "emailAddress": self._address,
                "messagesTotal": messages,
                "threadsTotal": threads,
                "historyId": str(self._mailbox.newest_visible()),
            }
        )

    async def start_watch(self, request: Request) -> Response:
        """Begins or renews the notifications."""
        wanted = await json_object(request)
        return JSONResponse(self._watch.start(wanted, self._mailbox.newest_visible()))

    async def stop_watch(self, _request: Request) -> Response:
        """Ends the notifications."""
        self._watch.stop()
        return Response(status_code=204)

    async def history(self, request: Request) -> Response:
        """Lists changes after a history id."""
        start = request.query_params.get("startHistoryId", "")
        if not start.isdecimal():
            raise GmailError(400, "Missing or invalid startHistoryId")
        names = request.query_params.getlist("historyTypes") or list(_KINDS)
        if unknown := set(names) - set(_KINDS):
            raise GmailError(400, f"Invalid value at 'history_types': {', '.join(unknown)}")
        page = self._mailbox.history(
            int(start),
            [_KINDS[name] for name in names],
            request.query_params.get("labelId"),
            _size(request),
            _token(request),
        )
        shape: dict[str, Any] = {"historyId": str(self._mailbox.newest_visible())}
        if page.rows:
            shape["history"] = [_change(row) for row in page.rows]
        if page.next_token:
            shape["nextPageToken"] = page.next_token
        return JSONResponse(shape)

    async def list_messages(self, request: Request) -> Response:
        """Searches the mailbox."""
        query = request.query_params
        page, estimate = self._mailbox.find(
            query.get("q", ""), query.getlist("labelIds"), _size(request), _token(request)
        )
        shape: dict[str, Any] = {"resultSizeEstimate": estimate}
        if page.rows:
            shape["messages"] = [
                {"id": row["id"], "threadId": row["thread_id"]} for row in page.rows
            ]
        if page.next_token:
            shape["nextPageToken"] = page.next_token
        return JSONResponse(shape)

    async def send(self, request: Request) -> Response:
        """Sends a mail."""
        return JSONResponse(_brief(self._sending.send(await submitted(request, draft=False))))

    async def get(self, request: Request) -> Response:
        """Shows a message."""
        return JSONResponse(_shaped(request, self._mailbox.get(request.path_params["id"])))

    async def modify(self, request: Request) -> Response:
        """Changes the labels of a message."""
        wanted = await json_object(request)
        row = self._mailbox.relabel(
            request.path_params["id"],
            _labels(wanted, "addLabelIds"),
            _labels(wanted, "removeLabelIds"),
        )
        return JSONResponse(_brief(row))

    async def attachment(self, request: Request) -> Response:
        """Shows the content of a part."""
        row = self._mailbox.get(request.path_params["id"])
        data = mime.attachment(mime.parse(row["raw"]), request.path_params["attachment"])
        if data is None:
            raise GmailError(404)
        return JSONResponse({"size": len(data), "data": mime.encoded(data)})

    async def thread(self, request: Request) -> Response:
        """Shows a thread."""
        rows = self._mailbox.thread(request.path_params["id"])
        return JSONResponse(
            {
                "id": request.path_params["id"],
                "historyId": str(max(row["history_id"] for row in rows)),
                "messages": [_shaped(request, row) for row in rows],
            }
        )

    async def drafts(self, request: Request) -> Response:
        """Lists the drafts."""
        page = self._mailbox.drafts(_size(request), _token(request))
        shape: dict[str, Any] = {"resultSizeEstimate": len(page.rows)}
        if page.rows:
            shape["drafts"] = [
                {
                    "id": row["id"],
                    "message": {"id": row["message_id"], "threadId": row["thread_id"]},
                }
                for row in page.rows
            ]
        if page.next_token:
            shape["nextPageToken"] = page.next_token
        return JSONResponse(shape)

    async def create_draft(self, request: Request) -> Response:
        """Keeps a draft."""
        draft_id, row = self._sending.create_draft(await submitted(request, draft=True))
        return JSONResponse({"id": draft_id, "message": _brief(row)})

    async def send_draft(self, request: Request) -> Response:
        """Sends a draft."""
        return JSONResponse(_brief(self._sending.send_draft(await submitted(request, draft=True))))

    async def draft(self, request: Request) -> Response:
        """Shows a draft."""
        draft_id = request.path_params["id"]
        row = self._mailbox.get(self._mailbox.draft(draft_id))
        return JSONResponse({"id": draft_id, "message": _shaped(request, row)})

    async def delete_draft(self, request: Request) -> Response:
        """Deletes a draft."""
        self._sending.delete_draft(request.path_params["id"])
        return Response(status_code=204)


class Front:
    """Finds the mailbox that a request's token opens, and lets its API answer."""

    def __init__(self, access: Access, apis: Mapping[str, Api]) -> None:
        self._access = access
        self._apis = apis

    def routes(self) -> list[Route]:
        """Returns the routes, each behind the check of the bearer token."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/profile", Api.profile),
            ("POST", "/watch", Api.start_watch),
            ("POST", "/stop", Api.stop_watch),
            ("GET", "/history", Api.history),
            ("GET", "/messages", Api.list_messages),
            ("POST", "/messages/send", Api.send),
            ("GET", "/messages/{id}", Api.get),
            ("POST", "/messages/{id}/modify", Api.modify),
            ("GET", "/messages/{id}/attachments/{attachment}", Api.attachment),
            ("GET", "/threads/{id}", Api.thread),
            ("GET", "/drafts", Api.drafts),
            ("POST", "/drafts", Api.create_draft),
            ("POST", "/drafts/send", Api.send_draft),
            ("GET", "/drafts/{id}", Api.draft),
            ("DELETE", "/drafts/{id}", Api.delete_draft),
        ]
        routes = [
            Route(f"{_ROOT}{path}", partial(self._checked, handler), methods=[method])
            for method, path, handler in table
        ]
        uploads = [row for row in table if row[0] == "POST" and row[1] != "/watch"]
        return routes + [
            Route(f"/upload{_ROOT}{path}", partial(self._checked, handler), methods=[method])
            for method, path, handler in uploads
        ]

    async def _checked(self, handler: Handler, request: Request) -> Response:
        mailbox = self._access.check(request)
        try:
            return await handler(self._apis[mailbox], request)
        except BadInputError as exc:
            raise GmailError(400, str(exc)) from exc


def _brief(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "threadId": row["thread_id"],
        "labelIds": json.loads(row["labels"]),
    }


def _shaped(request: Request, row: Row) -> dict[str, Any]:
    query = request.query_params
    return resource(row, query.get("format", "full"), query.getlist("metadataHeaders"))


def _change(row: Row) -> dict[str, Any]:
    brief = {"id": row["message_id"], "threadId": row["thread_id"]}
    change: dict[str, Any] = {"message": {**brief, "labelIds": json.loads(row["labels"])}}
    if row["kind"].startswith("labels"):
        change["labelIds"] = json.loads(row["changed"])
    return {"id": str(row["id"]), "messages": [brief], row["kind"]: [change]}


def _labels(wanted: dict[str, Any], name: str) -> list[str]:
    labels = wanted.get(name) or []
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise GmailError(400, f"Invalid value at '{name}'")
    return labels


def _size(request: Request) -> int:
    return max(1, whole_number(request, "maxResults", _PAGE, _LONGEST_PAGE))


def _token(request: Request) -> str | None:
    token = request.query_params.get("pageToken") or None
    if token is not None and not _TOKEN.fullmatch(token):
        raise GmailError(400, "Invalid pageToken")
    return token
