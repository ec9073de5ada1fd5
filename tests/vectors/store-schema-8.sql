-- Tables of schema 8, the first that PostgreSQL had; without triggers.
CREATE TABLE binding (chain_id INTEGER, oracle BLOB, operator BLOB);

CREATE TABLE tail (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, timestamp_s INTEGER NOT NULL);

CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, state TEXT NOT NULL, request TEXT NOT NULL, input BLOB NOT NULL,
  seen_block INTEGER NOT NULL, seen_hash BLOB NOT NULL, seen_index INTEGER NOT NULL, seen_tx BLOB NOT NULL,
  output BLOB, result_hash BLOB,
  mined_block INTEGER, mined_hash BLOB, mined_index INTEGER, mined_tx BLOB,
  reason TEXT, detail TEXT NOT NULL,
  model_id BLOB NOT NULL DEFAULT x'', started INTEGER NOT NULL DEFAULT 0,
  royalty_bps INTEGER NOT NULL DEFAULT 5000, signatures BLOB NOT NULL DEFAULT x'',
  alone INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX jobs_by_state ON jobs (state, seq);

CREATE TABLE facts (job_id BLOB NOT NULL, at_s REAL NOT NULL, fact TEXT NOT NULL, detail TEXT NOT NULL);

CREATE INDEX facts_by_job ON facts (job_id);

CREATE TABLE terms (
  model_id BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, attribution TEXT NOT NULL,
  read_block INTEGER NOT NULL, PRIMARY KEY (model_id, version)
);

CREATE TABLE transactions (
  hash BLOB PRIMARY KEY, raw BLOB NOT NULL, nonce INTEGER NOT NULL, max_fee_wei TEXT NOT NULL,
  priority_fee_wei TEXT NOT NULL, job_ids BLOB NOT NULL, signed_at_s REAL NOT NULL,
  sent_at_s REAL NOT NULL, settled INTEGER NOT NULL DEFAULT 0,
  most_wei TEXT NOT NULL DEFAULT '0', cost_wei TEXT
);

CREATE INDEX jobs_queued ON jobs (seq, model_id) WHERE state = 'queued';

CREATE INDEX jobs_queued_by_model ON jobs (model_id, seq) WHERE state = 'queued';

CREATE INDEX jobs_by_seen_block ON jobs (seen_block);

CREATE INDEX jobs_by_mined_block ON jobs (mined_block) WHERE mined_block IS NOT NULL;

CREATE INDEX transactions_by_nonce ON transactions (nonce);

CREATE INDEX transactions_unsettled ON transactions (nonce) WHERE settled = 0;

CREATE TABLE tallies (
  state TEXT NOT NULL, reason TEXT NOT NULL, jobs INTEGER NOT NULL, PRIMARY KEY (state, reason)
) WITHOUT ROWID;

CREATE TABLE accepted (
  hour INTEGER NOT NULL, requester BLOB NOT NULL, jobs INTEGER NOT NULL, PRIMARY KEY (hour, requester)
) WITHOUT ROWID;

CREATE INDEX transactions_by_signing ON transactions (signed_at_s);

CREATE INDEX transactions_uncosted ON transactions (signed_at_s) WHERE cost_wei IS NULL;

CREATE TABLE vows (
  committee BLOB NOT NULL, request BLOB NOT NULL, result_hash BLOB NOT NULL, salt BLOB NOT NULL,
  PRIMARY KEY (committee, request)
) WITHOUT ROWID;

CREATE TABLE heard (
  seq INTEGER PRIMARY KEY, request BLOB NOT NULL, member BLOB NOT NULL, kind TEXT NOT NULL, hash BLOB NOT NULL,
  salt BLOB, signature BLOB NOT NULL, at_s REAL NOT NULL, UNIQUE (request, member, kind, hash)
);

CREATE TABLE hours (
  hour INTEGER NOT NULL, series TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (hour, series)
) WITHOUT ROWID;
