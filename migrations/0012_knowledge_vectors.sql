-- Knowledge: vectors of two models side by side. They can be made again, so none is converted: until they are there, searches
-- go by words.
SET LOCAL ROLE fte_agent;

DROP INDEX agent.knowledge_chunks_near;
UPDATE agent.knowledge_chunks SET embedding = NULL, model = NULL, dimension = NULL;
ALTER TABLE agent.knowledge_chunks ALTER COLUMN embedding TYPE public.vector(768);
CREATE INDEX knowledge_chunks_near ON agent.knowledge_chunks
    USING hnsw (embedding public.vector_cosine_ops) WHERE audience = 'customer';
