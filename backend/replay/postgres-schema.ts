/**
 * The tables of the PostgreSQL store, and the function that admits, all in the schema `dormouse`. A row is locked for
 * each stream while one of its messages is judged, so that all receivers judge in one order.
 */
import type { ClientBase } from "pg";

const version = 1;

/** Any number, as long as nobody else locks by it; in hexadecimal "Drpl". */
const lock = 0x4472706c;

/**
 * Each statement within the function sees what was committed before it began (READ COMMITTED), so what the holder of
 * the lock before us has marked. A claim is a random number of the caller: whoever asks again because the connection
 * broke finds his own mark, and that is `fresh`.
 */
const version1 = `
  CREATE SCHEMA IF NOT EXISTS dormouse;
  CREATE TABLE dormouse.replay_version (version integer NOT NULL);
  CREATE TABLE dormouse.stream (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender text NOT NULL,
    epoch bigint NOT NULL,
    direction text NOT NULL,
    topic text NOT NULL,
    highest bigint NOT NULL,
    UNIQUE (sender, epoch, direction, topic)
  );
  CREATE TABLE dormouse.seen (
    stream bigint NOT NULL REFERENCES dormouse.stream (id),
    counter bigint NOT NULL,
    identity bytea NOT NULL,
    claim bytea NOT NULL,
    PRIMARY KEY (stream, counter)
  );
  CREATE FUNCTION dormouse.admit(
    senders text[], epochs bigint[], directions text[], topics text[], counters bigint[],
    identities text[], claims text[], span bigint
  ) RETURNS text[] LANGUAGE plpgsql AS $admit$
  DECLARE
    admissions text[] := '{}';
    admission text;
    of_stream bigint;
    top bigint;
    known record;
  BEGIN
    FOR i IN 1 .. cardinality(senders) LOOP
      SELECT id, highest INTO of_stream, top FROM dormouse.stream
        WHERE sender = senders[i] AND epoch = epochs[i] AND direction = directions[i] AND topic = topics[i]
        FOR UPDATE;
      IF NOT FOUND THEN
        INSERT INTO dormouse.stream (sender, epoch, direction, topic, highest)
          VALUES (senders[i], epochs[i], directions[i], topics[i], -1)
          ON CONFLICT DO NOTHING;
        SELECT id, highest INTO STRICT of_stream, top FROM dormouse.stream
          WHERE sender = senders[i] AND epoch = epochs[i] AND direction = directions[i] AND topic = topics[i]
          FOR UPDATE;
      END IF;
      SELECT identity, claim INTO known FROM dormouse.seen WHERE stream = of_stream AND counter = counters[i];
      IF counters[i] <= top - span THEN
        admission := 'stale';
      ELSIF NOT FOUND THEN
        admission := 'fresh';
        INSERT INTO dormouse.seen (stream, counter, identity, claim)
          VALUES (of_stream, counters[i], decode(identities[i], 'hex'), decode(claims[i], 'hex'));
        IF counters[i] > top THEN
          UPDATE dormouse.stream SET highest = counters[i] WHERE id = of_stream;
          DELETE FROM dormouse.seen WHERE stream = of_stream AND counter <= counters[i] - span;
        END IF;
      ELSIF known.identity <> decode(identities[i], 'hex') THEN
        admission := 'conflict';
      ELSIF known.claim = decode(claims[i], 'hex') THEN
        admission := 'fresh';
      ELSE
        admission := 'duplicate';
      END IF;
      admissions := admissions || admission;
    END LOOP;
    RETURN admissions;
  END
  $admit$;
  INSERT INTO dormouse.replay_version VALUES (1);
`;

/** What makes version n + 1 of version n. */
const upgrades = [version1];

/**
 * Creates what is not there, or brings it up to date. Where nothing is to be done it needs no right to create.
 * @throws {Error} when the tables are of a later version
 */
export async function prepareSchema(client: ClientBase): Promise<void> {
  if ((await versionOf(client)) === version) return;
  await client.query("BEGIN");
  try {
    // One at a time: several receivers may start at once. The end of the transaction gives it back.
    await client.query("SELECT pg_advisory_xact_lock($1)", [lock]);
    const found = await versionOf(client);
    if (found > version) throw new Error(`the database has a replay store of a later version (${found})`);
    for (const upgrade of upgrades.slice(found)) await client.query(upgrade);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** 0: there is none. */
async function versionOf(client: ClientBase): Promise<number> {
  // Not to_regclass: within a transaction it goes on saying that there is none when somebody else has made it.
  const { rowCount } = await client.query(
    "SELECT FROM pg_tables WHERE schemaname = 'dormouse' AND tablename = 'replay_version'",
  );
  if (rowCount === 0) return 0;
  return (await client.query("SELECT version FROM dormouse.replay_version")).rows[0].version;
}
