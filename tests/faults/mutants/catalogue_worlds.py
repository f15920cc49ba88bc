"""Bugs of intake, the agent and the ledgers that simulated worlds notice."""

from tests.faults.mutants.mutant import Mutant, Seeds

_TURNS = "services/agent/application/turns.py"
_OWNERSHIP = "services/agent/application/ownership.py"
_TAKEOVER = "services/agent/application/takeover.py"
_DECISIONS = "services/agent/domain/decisions.py"
_INCOMING = "services/agent/adapters/incoming.py"
_DELIVERED = "services/agent/adapters/delivered.py"
_LEDGER = "chassis/ledger.py"
_GATHERING = "chassis/gathering.py"
_MAIL_READING = "services/intake/application/mail_reading.py"
_MAIL_LOOP = "services/intake/adapters/mail_loop.py"

WORLDS = (
    Mutant(
        "world-mail-cursor-before-its-mails",
        "The mailbox's cursor moves only after the mails before it were accepted.",
        _MAIL_READING,
        "            newest = page.newest_id if newest is None else newest\n",
        "            newest = page.newest_id if newest is None else newest\n"
        "            await self._cursors.advance(newest)\n",
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
        "world-acknowledged-though-it-failed",
        "A row that closes with its call stays open when the call fails.",
        _LEDGER,
        "            except Exception as error:  # noqa: BLE001 - whatever it was, the rows stay open and come again\n",
        "            except Exception as error:\n"
        "                if self._close_on_ack:\n"
        "                    await self.receive([Receipt(row.row_id, settled=True) for row in of_topic])\n",
        Seeds(),
    ),
    Mutant(
        "world-gathering-keeps-the-oldest",
        "However many rows wait, each is worked on.",
        _GATHERING,
        "                for row in batch:\n                    del self._waiting[row]\n",
        "                self._waiting.clear()\n                batch = batch[:1]\n",
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
        "world-fence-skipped",
        "A commit finds the head as its turn was begun, or the turn is void.",
        _TURNS,
        "        if head is None or not fence.holds(head):\n",
        "        if head is None:\n",
        Seeds(),
    ),
    Mutant(
        "world-lease-never-expires",
        "A dead runner's turn is begun again once its lease is over.",
        "services/agent/application/heads.py",
        "self.lease_time is not None and self.lease_time >= self.now\n",
        "self.lease_time is not None\n",
        Seeds(),
    ),
    Mutant(
        "world-stale-state-believed",
        "A cached state counts only at the head's version.",
        _TURNS,
        "    if cached is not None and cached.version == head.version:\n",
        "    if cached is not None:\n",
        Seeds(),
    ),
    Mutant(
        "world-failures-not-counted",
        "A batch that fails every time goes to a person after the last try.",
        _TURNS,
        "            failures = head.failure_count + 1\n",
        "            failures = 1\n",
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
        "world-due-time-not-recomputed",
        "A message that came during a turn gets a due time of its own.",
        _TURNS,
        "        await transaction.recompute_due(self._times.quiet, self._times.burst)\n",
        "        await transaction.rest()\n",
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
    Mutant(
        "world-takeover-keeps-the-epoch",
        "A takeover begins an epoch: what is older may not be sent.",
        _OWNERSHIP,
        "            turn, epoch=head.epoch + 1, conversation_id=conversation_id",
        "            turn, epoch=head.epoch, conversation_id=conversation_id",
        Seeds(),
    ),
    Mutant(
        "world-takeover-raises-no-fence",
        "A takeover returns when delivery knows of it.",
        _TAKEOVER,
        "        for conversation_id in taken.fences:\n",
        "        for conversation_id in taken.fences[:0]:\n",
        Seeds(),
    ),
    Mutant(
        "world-takeover-does-not-wait",
        "A takeover returns when the sends under way have ended.",
        _TAKEOVER,
        "            if raised.in_flight == 0:\n",
        "            if raised.in_flight >= 0:\n",
        Seeds(),
    ),
)
