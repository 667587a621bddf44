//! Tests of redacting short values, against a policy compiled on the spot.
