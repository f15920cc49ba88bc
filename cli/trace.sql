-- Every recorded step of a set of messages, over all schemas. No customer's words: ids, states, times.
-- $1 message ids, $2 turn ids, $3 conversation ids (empty when one message is asked for), $4 intent ids
SELECT accept_time AS time, 'intake' AS service, 'accepted' AS step, inbox_id::text AS id,
       concat_ws(' ', channel, kind, assurance, nullif('suppressed: ' || suppress_reason, ''),
                 'seq ' || (SELECT inbox_seq FROM intake.inbox_order o WHERE o.inbox_id = i.inbox_id)) AS detail
FROM intake.inbox i WHERE inbox_id = ANY ($1)
UNION ALL
SELECT stored_time, 'intake', 'receipt: stored', inbox_id::text, concat('driven ', attempts, ' times')
FROM intake.inbox WHERE inbox_id = ANY ($1) AND stored_time IS NOT NULL
UNION ALL
SELECT settle_time, 'intake', 'receipt: settled', inbox_id::text, coalesce(outcome, '')
FROM intake.inbox WHERE inbox_id = ANY ($1) AND settle_time IS NOT NULL
UNION ALL
SELECT store_time, 'agent', 'stored', message_id::text, concat_ws(' ', channel, side)
FROM agent.messages WHERE message_id = ANY ($1) AND direction = 'inbound'
UNION ALL
SELECT create_time, 'agent', 'answer written', message_id::text,
       concat_ws(' ', channel, 'by', role, 'delivery ' || delivery_status)
FROM agent.messages WHERE message_id = ANY ($1) AND direction = 'outbound'
UNION ALL
-- Places in the answer's text, the section that the sentence rests on, as it was and whether it has changed since.
SELECT m.create_time, 'agent', 'sentence ' || lpad(place::text, 2, '0'), m.message_id::text,
       concat_ws(' ', one ->> 'kind', concat(one ->> 'start', '-', one ->> 'end'),
                 nullif(concat(one #>> '{source,section_id}', ' v', one #>> '{source,version}', ' ',
                               left(one #>> '{source,content_hash}', 12), ' share ', one ->> 'share'),
                        concat(' v  share ', one ->> 'share')),
                 CASE WHEN k.section_id IS NULL AND one ->> 'source' IS NOT NULL THEN 'section deleted since'
                      WHEN k.content_hash <> one #>> '{source,content_hash}' THEN 'section changed since' END)
FROM agent.messages m
CROSS JOIN jsonb_array_elements(m.statements) WITH ORDINALITY AS stated (one, place)
LEFT JOIN agent.knowledge_base k ON k.section_id = one #>> '{source,section_id}'
WHERE m.message_id = ANY ($1) AND m.direction = 'outbound'
UNION ALL
SELECT due_time, 'agent', 'due', turn_id::text, concat(cardinality(message_ids), ' messages')
FROM agent.turns WHERE turn_id = ANY ($2)
UNION ALL
SELECT begin_time, 'agent', 'turn begun', turn_id::text, concat_ws(' ', 'turn', turn_no, 'on', runner)
FROM agent.turns WHERE turn_id = ANY ($2)
UNION ALL
SELECT end_time, 'agent', 'turn ' || state, turn_id::text, concat('turn ', turn_no)
FROM agent.turns WHERE turn_id = ANY ($2) AND end_time IS NOT NULL
UNION ALL
SELECT e.occur_time, 'agent', 'event ' || e.type, concat(e.version, '.', e.ordinal), e.side
FROM agent.events e
WHERE EXISTS (SELECT FROM agent.turns t WHERE t.turn_id = ANY ($2)
              AND t.customer_id = e.customer_id AND t.side = e.side)
  AND EXISTS (SELECT FROM unnest($1::uuid[] || $2::uuid[] || $3::uuid[]) AS named (id)
              WHERE strpos(e.payload::text, named.id::text) > 0)
UNION ALL
SELECT create_time, 'agent', 'ticket opened', ticket_id::text, concat_ws(' ', reference, category, priority)
FROM agent.tickets WHERE conversation_id = ANY ($3)
UNION ALL
SELECT resolve_time, 'agent', 'ticket ' || status, ticket_id::text, reference
FROM agent.tickets WHERE conversation_id = ANY ($3) AND resolve_time IS NOT NULL
UNION ALL
SELECT create_time, 'agent', 'escalated', escalation_id::text, concat_ws(' ', urgency, status, nullif(note, ''))
FROM agent.escalations WHERE conversation_id = ANY ($3)
UNION ALL
SELECT create_time, 'agent', 'given up', dead_letter_id::text, concat('after ', attempts, ' attempts')
FROM agent.dead_letters WHERE message_ids && $1
UNION ALL
SELECT create_time, 'agent', 'to be sent', outbox_id::text, concat_ws(' ', channel, 'send_seq', send_seq, 'epoch', epoch)
FROM agent.outbox WHERE message_id = ANY ($1)
UNION ALL
SELECT stored_time, 'agent', 'receipt: stored', outbox_id::text, concat('driven ', attempts, ' times')
FROM agent.outbox WHERE message_id = ANY ($1) AND stored_time IS NOT NULL
UNION ALL
SELECT settle_time, 'agent', 'receipt: settled', outbox_id::text, coalesce(outcome, '')
FROM agent.outbox WHERE message_id = ANY ($1) AND settle_time IS NOT NULL
UNION ALL
SELECT create_time, 'delivery', 'intent stored', intent_id::text, concat_ws(' ', kind, channel)
FROM delivery.intents WHERE intent_id = ANY ($4)
UNION ALL
SELECT start_time, 'delivery', 'attempt ' || attempt, intent_id::text, ''
FROM delivery.attempts WHERE intent_id = ANY ($4)
UNION ALL
SELECT end_time, 'delivery', concat('attempt ', attempt, ' ended'), intent_id::text, concat_ws(' ', outcome, detail)
FROM delivery.attempts WHERE intent_id = ANY ($4) AND end_time IS NOT NULL
UNION ALL
SELECT final_time, 'delivery', 'final', intent_id::text, concat_ws(' ', state, provider_id, error)
FROM delivery.intents WHERE intent_id = ANY ($4) AND final_time IS NOT NULL
UNION ALL
SELECT i.accept_time, 'intake', 'status accepted', i.inbox_id::text, concat_ws(' ', s.status, s.error_code)
FROM delivery.statuses s JOIN intake.inbox i ON i.inbox_id = s.row_id WHERE s.intent_id = ANY ($4)
UNION ALL
SELECT create_time, 'delivery', 'status taken over', row_id::text, concat_ws(' ', status, error_code)
FROM delivery.statuses WHERE intent_id = ANY ($4)
UNION ALL
SELECT i.settle_time, 'intake', 'status settled', i.inbox_id::text, coalesce(i.outcome, '')
FROM delivery.statuses s JOIN intake.inbox i ON i.inbox_id = s.row_id
WHERE s.intent_id = ANY ($4) AND i.settle_time IS NOT NULL
ORDER BY 1, 2, 3, 4
