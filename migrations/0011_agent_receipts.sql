-- What each sentence of an answer rests on, and the answers that a section has fed.
-- statements: [{"start", "end", "kind": "fact" | "question" | "courtesy", "share",
--               "source": {"section_id", "content_hash", "version"} | null}], places counted in the content.
ALTER TABLE agent.messages ADD COLUMN statements jsonb;

-- Finds answers by the section: statements @> '[{"source": {"section_id": "…"}}]'.
CREATE INDEX messages_statements ON agent.messages USING gin (statements jsonb_path_ops)
    WHERE direction = 'outbound';
