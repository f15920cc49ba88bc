"""Bugs of intake, the agent and the ledgers that simulated worlds notice."""

from tests.faults.mutants.mutant import Mutant, Seeds

_TURNS = "services/agent/application/turns.py"
_DECISIONS = "services/agent/domain/decisions.py"
_INCOMING = "services/agent/adapters/incoming.py"
_DELIVERED = "services/agent/adapters/delivered.py"
_LEDGER = "chassis/ledger.py"
_MAIL_READING = "services/intake/application/mail_reading.py"
_MAIL_LOOP = "services/intake/adapters/mail_loop.py"

WORLDS = (
    Mutant(
        "world-mail-cursor-before-its-mails",
        "The mailbox's cursor moves only after the mails before it were accepted.",
        _MAIL_READING,
        "            newest = page.newest_id if newest is None else newest\n",
        "            newest = page.newest_id if newest is None else newest\n"
        "            await self._cursors.advance(newest, None)\n",
        Seeds(),
    ),
    Mutant(
        "world-mail-only-when-pushed",
        "A mail is found without its push: the mailbox is looked at without any.",
        _MAIL_LOOP,
        "async with asyncio.timeout(wait):",
        "async with asyncio.timeout(None):",
        Seeds(),
    ),
    Mutant(
        "world-mail-looks-give-up",
        "A look that failed is followed by another one.",
        _MAIL_LOOP,
        "        except MailboxAwayError as error:\n            return self._failed(str(error))\n",
        "        except MailboxAwayError as error:\n            return self._failed(str(error)) + 1e9\n",
        Seeds(),
    ),
    Mutant(
        "world-row-closed-when-published",
        "A publish is a hint: only the far end's receipt closes a row.",
        _LEDGER,
        "                if self._close_on_ack:\n",
        "                if topic:\n",
        Seeds(),
    ),
    Mutant(
        "world-ledger-never-sweeps",
        "A hint may get lost: the sweeper drives the row again.",
        _LEDGER,
        "                claimed = await self._rows.claim(BATCH)\n",
        "                claimed = ()\n",
        Seeds(),
    ),
    Mutant(
        "world-receipts-ignored",
        "A settled receipt closes its row.",
        _LEDGER,
        "        await self._rows.receive([newest[row_id] for row_id in sorted(newest)])\n",
        "        await self._rows.receive([])\n",
        Seeds(),
    ),
    Mutant(
        "world-stored-receipt-settles",
        "A message is settled when its turn is committed, not when it is stored.",
        _INCOMING,
        "Receipt(message_id, settled=False)",
        "Receipt(message_id, settled=True)",
        Seeds(),
    ),
    Mutant(
        "world-known-message-unanswered",
        "A hint of a message that is known is answered with its newest receipt.",
        _INCOMING,
        "        self._receipts.send(known.values())\n",
        "",
        Seeds(),
    ),
    Mutant(
        "world-first-page-only",
        "All that a handle has accepted is fetched, whatever the hint named.",
        _INCOMING,
        "            batch = await self._owned(fetched.messages)\n",
        "            batch = (await self._owned(fetched.messages))[-1:]\n",
        Seeds(),
    ),
    Mutant(
        "world-failed-send-unheard",
        "A send that failed closes its row as well.",
        _DELIVERED,
        "        await self._report(failed)\n",
        "        await self._report(failed[:0])\n",
        Seeds(),
    ),
    Mutant(
        "world-failed-send-closed-like-any",
        "A send that failed is a person's task.",
        _DELIVERED,
        '        sent = [r for r in settled if r.outcome == "sent"]\n',
        "        sent = settled\n",
        Seeds(),
    ),
    Mutant(
        "world-begins-not-counted",
        "A batch that keeps killing its runner goes to a person.",
        _TURNS,
        "        begin_count=head.begin_count + 1,\n",
        "        begin_count=1,\n",
        Seeds(),
    ),
    Mutant(
        "world-apology-left-out",
        "Who cannot be answered gets an apology.",
        _DECISIONS,
        "        _response(turn, ticket, OutboundKind.APOLOGY, context, clock, None),\n",
        "",
        Seeds(),
    ),
    Mutant(
        "world-taken-over-and-answered",
        "The model answers nothing while a person has the customer.",
        _TURNS,
        "            if head.owner is Owner.HUMAN:\n",
        "            if head.owner is Owner.HUMAN and not batch:\n",
        Seeds(),
    ),
)
