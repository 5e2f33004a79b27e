-- Types vector and halfvec of pgvec.so; :'so' is its path.
CREATE TYPE vector;
CREATE FUNCTION vector_in(cstring) RETURNS vector AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_out(vector) RETURNS cstring AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_recv(internal) RETURNS vector AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_send(vector) RETURNS bytea AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out, RECEIVE = vector_recv, SEND = vector_send, STORAGE = external);
CREATE TYPE halfvec;
CREATE FUNCTION halfvec_in(cstring) RETURNS halfvec AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION halfvec_out(halfvec) RETURNS cstring AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION halfvec_recv(internal) RETURNS halfvec AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION halfvec_send(halfvec) RETURNS bytea AS :'so' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE halfvec (INPUT = halfvec_in, OUTPUT = halfvec_out, RECEIVE = halfvec_recv, SEND = halfvec_send, STORAGE = external);
