-- What each worker can drive: what no live one knows is nobody's work.
ALTER TABLE workers
    ADD COLUMN definitions  text[]   NOT NULL DEFAULT '{}',
    ADD COLUMN versions     bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN fingerprints text[]   NOT NULL DEFAULT '{}';
COMMENT ON COLUMN workers.definitions IS
    'The definitions that it knows, by name; their versions and fingerprints stand in the same places of the other two';

-- The definitions that no live worker knows, of sagas that none of them owns: how many wait, or are stuck. Of many only
-- the first are looked at: by the index of claims, for what is due and known goes away from there.
CREATE FUNCTION unknown_1(look_max bigint)
RETURNS TABLE (definition text, version bigint, fingerprint text, sagas bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE alive AS MATERIALIZED (
        SELECT w.id, w.definitions, w.versions, w.fingerprints FROM workers w WHERE w.leased_until > clock_timestamp()
    ), owners (owner) AS (
        (SELECT s.owner FROM sagas s WHERE s.due_at IS NOT NULL AND s.owner IS NOT NULL ORDER BY s.owner LIMIT 1)
        UNION ALL
        SELECT (SELECT s.owner FROM sagas s WHERE s.due_at IS NOT NULL AND s.owner > o.owner ORDER BY s.owner LIMIT 1)
        FROM owners o WHERE o.owner IS NOT NULL
    ), found AS (
        (SELECT s.definition, s.version, s.fingerprint FROM sagas s
            WHERE s.owner IS NULL AND s.due_at IS NOT NULL ORDER BY s.due_at, s.id LIMIT look_max)
        UNION ALL
        SELECT due.definition, due.version, due.fingerprint FROM owners o, LATERAL (
            SELECT s.definition, s.version, s.fingerprint FROM sagas s
            WHERE s.owner = o.owner AND s.due_at IS NOT NULL ORDER BY s.due_at, s.id LIMIT look_max
        ) due
        WHERE o.owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM alive a WHERE a.id = o.owner)
        UNION ALL
        SELECT stuck.definition, stuck.version, stuck.fingerprint FROM (
            SELECT s.definition, s.version, s.fingerprint, s.owner FROM sagas s
            WHERE s.state = 'stuck' ORDER BY s.created_at, s.id LIMIT look_max
        ) stuck
        WHERE stuck.owner IS NULL OR NOT EXISTS (SELECT 1 FROM alive a WHERE a.id = stuck.owner)
    ), counted AS (
        SELECT f.definition, f.version, f.fingerprint, count(*) AS sagas FROM found f GROUP BY 1, 2, 3
    )
    SELECT c.definition, c.version, c.fingerprint, c.sagas FROM counted c
    WHERE NOT EXISTS (
        SELECT 1 FROM alive a, unnest(a.definitions, a.versions, a.fingerprints) AS k (definition, version, fingerprint)
        WHERE (k.definition, k.version, k.fingerprint) = (c.definition, c.version, c.fingerprint)
    );
END $$;
