-- Knowledge: words and vectors by which sections are found, and questions that found nothing.
SET LOCAL ROLE fte_agent;

-- Full text has the words as the agent's code makes them comparable, for all its languages: one stemming on both sides.
DROP INDEX agent.knowledge_base_search;
ALTER TABLE agent.knowledge_base DROP COLUMN search, DROP COLUMN embedding;
ALTER TABLE agent.knowledge_base ADD COLUMN words tsvector NOT NULL DEFAULT '';
CREATE INDEX knowledge_base_words ON agent.knowledge_base USING gin (words);

-- Pieces of sections as an embedding model gets them. Every model is asked for the same number of components, so one
-- column and one index serve whichever is chosen; vectors of two models never meet, for a search names its model.
CREATE TABLE agent.knowledge_chunks (
    chunk_id   text PRIMARY KEY,                  -- section and hash of the text
    section_id text NOT NULL REFERENCES agent.knowledge_base ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('title', 'statement', 'passage')),
    content    text NOT NULL,
    audience   text NOT NULL,                     -- of the section
    model      text,                              -- that made the vector
    dimension  integer,
    embedding  public.vector(384),
    CHECK ((embedding IS NULL) = (model IS NULL) AND (embedding IS NULL) = (dimension IS NULL))
);
CREATE INDEX knowledge_chunks_section ON agent.knowledge_chunks (section_id);
CREATE INDEX knowledge_chunks_near ON agent.knowledge_chunks
    USING hnsw (embedding public.vector_cosine_ops) WHERE audience = 'customer';

-- Personal data: `question` is in the customer's words, as the search got it, normalised and at most 300 characters.
CREATE TABLE agent.knowledge_gaps (
    question   text PRIMARY KEY CHECK (length(question) <= 300),
    count      bigint NOT NULL DEFAULT 1,
    first_time timestamptz NOT NULL DEFAULT now(),
    last_time  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX knowledge_gaps_last ON agent.knowledge_gaps (last_time);

GRANT SELECT ON agent.knowledge_chunks TO fte_turn;

-- A turn may add a gap, and never read what other customers asked.
CREATE FUNCTION agent.note_gap(asked text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO agent.knowledge_gaps (question) VALUES (asked)
    ON CONFLICT (question) DO UPDATE SET count = knowledge_gaps.count + 1, last_time = now()
$$;
REVOKE ALL ON FUNCTION agent.note_gap FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agent.note_gap TO fte_turn;

-- What is internal does not exist for a turn, whatever its statements ask for.
DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['knowledge_base', 'knowledge_chunks'] LOOP
        EXECUTE format('ALTER TABLE agent.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE agent.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY ledger ON agent.%I TO fte_agent USING (true) WITH CHECK (true)', relation);
        EXECUTE format('CREATE POLICY turn ON agent.%I FOR SELECT TO fte_turn USING (audience = ''customer'')', relation);
    END LOOP;
END
$$;
