"""Owns the Gmail API's methods under `/gmail/v1/users/{user}` and their upload twins."""

import json
import re
from collections.abc import Awaitable, Callable
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

Handler = Callable[[Request], Awaitable[Response]]

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
    """Answers the client's requests."""

    def __init__(
        self,
        address: str,
        access: Access,
        mailbox: Mailbox,
        sending: Sending,
        watch: Watch,
    ) -> None:
        self._address = address
        self._access = access
        self._mailbox = mailbox
        self._sending = sending
        self._watch = watch

    def routes(self) -> list[Route]:
        """Returns the routes, each behind the check of the bearer token."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/profile", self._profile),
            ("POST", "/watch", self._start_watch),
            ("POST", "/stop", self._stop_watch),
            ("GET", "/history", self._history),
            ("GET", "/messages", self._list),
            ("POST", "/messages/send", self._send),
            ("GET", "/messages/{id}", self._get),
            ("POST", "/messages/{id}/modify", self._modify),
            ("GET", "/messages/{id}/attachments/{attachment}", self._attachment),
            ("GET", "/threads/{id}", self._thread),
            ("GET", "/drafts", self._drafts),
            ("POST", "/drafts", self._create_draft),
            ("POST", "/drafts/send", self._send_draft),
            ("GET", "/drafts/{id}", self._draft),
            ("DELETE", "/drafts/{id}", self._delete_draft),
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
        self._access.check(request)
        try:
            return await handler(request)
        except BadInputError as exc:
            raise GmailError(400, str(exc)) from exc

    async def _profile(self, _request: Request) -> Response:
        messages, threads = self._mailbox.totals()
        return JSONResponse(
            {
                "emailAddress": self._address,
                "messagesTotal": messages,
                "threadsTotal": threads,
                "historyId": str(self._mailbox.newest_visible()),
            }
        )

    async def _start_watch(self, request: Request) -> Response:
        wanted = await json_object(request)
        return JSONResponse(self._watch.start(wanted, self._mailbox.newest_visible()))

    async def _stop_watch(self, _request: Request) -> Response:
        self._watch.stop()
        return Response(status_code=204)

    async def _history(self, request: Request) -> Response:
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

    async def _list(self, request: Request) -> Response:
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

    async def _send(self, request: Request) -> Response:
        return JSONResponse(_brief(self._sending.send(await submitted(request, draft=False))))

    async def _get(self, request: Request) -> Response:
        return JSONResponse(_shaped(request, self._mailbox.get(request.path_params["id"])))

    async def _modify(self, request: Request) -> Response:
        wanted = await json_object(request)
        row = self._mailbox.relabel(
            request.path_params["id"],
            _labels(wanted, "addLabelIds"),
            _labels(wanted, "removeLabelIds"),
        )
        return JSONResponse(_brief(row))

    async def _attachment(self, request: Request) -> Response:
        row = self._mailbox.get(request.path_params["id"])
        data = mime.attachment(mime.parse(row["raw"]), request.path_params["attachment"])
        if data is None:
            raise GmailError(404)
        return JSONResponse({"size": len(data), "data": mime.encoded(data)})

    async def _thread(self, request: Request) -> Response:
        rows = self._mailbox.thread(request.path_params["id"])
        return JSONResponse(
            {
                "id": request.path_params["id"],
                "historyId": str(max(row["history_id"] for row in rows)),
                "messages": [_shaped(request, row) for row in rows],
            }
        )

    async def _drafts(self, request: Request) -> Response:
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

    async def _create_draft(self, request: Request) -> Response:
        draft_id, row = self._sending.create_draft(await submitted(request, draft=True))
        return JSONResponse({"id": draft_id, "message": _brief(row)})

    async def _send_draft(self, request: Request) -> Response:
        return JSONResponse(_brief(self._sending.send_draft(await submitted(request, draft=True))))

    async def _draft(self, request: Request) -> Response:
        draft_id = request.path_params["id"]
        row = self._mailbox.get(self._mailbox.draft(draft_id))
        return JSONResponse({"id": draft_id, "message": _shaped(request, row)})

    async def _delete_draft(self, request: Request) -> Response:
        self._sending.delete_draft(request.path_params["id"])
        return Response(status_code=204)


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
