-- The license service in PostgreSQL; its laws are those of agents/server/granting.py.
--
-- `steps` counts what was carried out; a lease's `serial` is the count when it was granted. What need not survive a
-- kill is in unlogged tables, which PostgreSQL empties then.

DO $$
DECLARE kind text := CASE WHEN current_setting('meterstorm.keeps') = 'nothing' THEN 'UNLOGGED' ELSE '' END;
BEGIN
    EXECUTE format('CREATE %s TABLE IF NOT EXISTS counted (steps bigint NOT NULL)', kind);
    EXECUTE format('CREATE %s TABLE IF NOT EXISTS pools (product bigint PRIMARY KEY, free bigint NOT NULL)', kind);
    EXECUTE format(
        'CREATE %s TABLE IF NOT EXISTS leases (client bigint, slot bigint, program bigint, product bigint NOT NULL,
         licenses bigint NOT NULL, attempt bigint NOT NULL, serial bigint NOT NULL, heard bigint NOT NULL,
         PRIMARY KEY (client, slot, program))', kind);
    IF NOT EXISTS (SELECT FROM counted) THEN INSERT INTO counted VALUES (0); END IF;
END $$;

-- Have so many more licenses of a product free.
CREATE OR REPLACE FUNCTION free(product bigint, licenses bigint) RETURNS void LANGUAGE sql AS
    'UPDATE pools SET free = pools.free + $2 WHERE pools.product = $1';

-- `value` more licenses than one, of product `more`: 1 if they are granted, else 0.
CREATE OR REPLACE FUNCTION request(
    client_ bigint, slot_ bigint, program_ bigint, attempt_ bigint, now_ bigint, value bigint, more bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leases SET attempt = greatest(attempt, attempt_), heard = now_
        WHERE (client, slot, program) = (client_, slot_, program_);
    IF FOUND THEN RETURN 1; END IF;
    UPDATE pools SET free = pools.free - (value + 1) WHERE product = more AND pools.free >= value + 1;
    IF NOT FOUND THEN RETURN 0; END IF;
    INSERT INTO leases
        SELECT client_, slot_, program_, more, value + 1, attempt_, steps, now_ FROM counted;
    RETURN 1;
END $$;

-- Unless a newer request has asked for it again.
CREATE OR REPLACE FUNCTION release(
    client_ bigint, slot_ bigint, program_ bigint, attempt_ bigint, now_ bigint, value bigint, more bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE one leases;
BEGIN
    DELETE FROM leases WHERE (client, slot, program) = (client_, slot_, program_) AND attempt <= attempt_
        RETURNING * INTO one;
    IF FOUND THEN PERFORM free(one.product, one.licenses); END IF;
    RETURN 1;
END $$;

-- `value` are the client's slots that hold or await a lease, as bits; it was last started after attempt `program_`. If
-- `more` is 1, what it does not name is free. Of a slot the newest lease is meant.
CREATE OR REPLACE FUNCTION renew(
    client_ bigint, slot_ bigint, program_ bigint, attempt_ bigint, now_ bigint, value bigint, more bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    one leases;
    named bigint := value;
    bit_of bigint;
BEGIN
    FOR one IN SELECT * FROM leases WHERE client = client_ ORDER BY serial DESC LOOP
        bit_of := 1::bigint << one.slot::int;
        IF one.attempt > program_ AND (more = 0 OR named & bit_of <> 0 OR one.attempt > attempt_) THEN
            UPDATE leases SET heard = now_ WHERE (client, slot, program) = (one.client, one.slot, one.program);
            named := named & ~bit_of;
        ELSIF more = 1 THEN
            DELETE FROM leases WHERE (client, slot, program) = (one.client, one.slot, one.program);
            PERFORM free(one.product, one.licenses);
        END IF;
    END LOOP;
    RETURN 1;
END $$;

-- Take the leases back that were last heard of at `value` or before.
CREATE OR REPLACE FUNCTION reclaim(
    client_ bigint, slot_ bigint, program_ bigint, attempt_ bigint, now_ bigint, value bigint, more bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE one leases;
BEGIN
    FOR one IN DELETE FROM leases WHERE heard <= value RETURNING * LOOP
        PERFORM free(one.product, one.licenses);
    END LOOP;
    RETURN 1;
END $$;

CREATE OR REPLACE FUNCTION carry_out(
    what text, client bigint, slot bigint, program bigint, attempt bigint, now_ bigint, value bigint, more bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE counted SET steps = steps + 1;
    CASE what
        WHEN 'request' THEN RETURN request(client, slot, program, attempt, now_, value, more);
        WHEN 'release' THEN RETURN release(client, slot, program, attempt, now_, value, more);
        WHEN 'renew' THEN RETURN renew(client, slot, program, attempt, now_, value, more);
        WHEN 'reclaim' THEN RETURN reclaim(client, slot, program, attempt, now_, value, more);
        WHEN 'probe' THEN RETURN 1;
    END CASE;
END $$;
