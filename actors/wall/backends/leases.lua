-- The license service as a script of Redis: what ARGV[1] says is carried out, and counted, as one step.
--
-- Its laws are those of agents/server/granting.py. A lease is a field SLOT:PROGRAM of its client's hash, with what it
-- holds; the sorted set `heard` has all of them by when they were last heard of, ns; `free:PRODUCT` are free licenses.

local what, client, slot, program = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local attempt, now, value = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local holder = 'client:' .. client

local function lease_of(field)
    local said = redis.call('HGET', holder, field)
    if not said then return nil end
    local product, count, latest, serial = said:match('(%d+):(%d+):(%d+):(%d+)')
    return {product = product, count = tonumber(count), attempt = tonumber(latest), serial = tonumber(serial)}
end

local function write(field, lease)
    local said = string.format('%s:%d:%d:%.0f', lease.product, lease.count, lease.attempt, lease.serial)
    redis.call('HSET', holder, field, said)
    redis.call('ZADD', 'heard', now, client .. ':' .. field)
end

local function refresh(field, lease, latest)
    lease.attempt = math.max(lease.attempt, latest)
    write(field, lease)
end

local function free(of_client, field, lease)
    redis.call('HDEL', 'client:' .. of_client, field)
    redis.call('ZREM', 'heard', of_client .. ':' .. field)
    redis.call('INCRBY', 'free:' .. lease.product, lease.count)
end

local carry_out = {}

-- `value` more licenses than one, of product ARGV[8]: 1 if they are granted, else 0.
function carry_out.request()
    local field, product = slot .. ':' .. program, ARGV[8]
    local lease = lease_of(field)
    if lease then
        refresh(field, lease, attempt)
        return 1
    end
    if tonumber(redis.call('GET', 'free:' .. product)) < value + 1 then return 0 end
    redis.call('DECRBY', 'free:' .. product, value + 1)
    local serial = redis.call('INCR', 'leases')
    write(field, {product = product, count = value + 1, attempt = attempt, serial = serial})
    return 1
end

-- Unless a newer request has asked for it again.
function carry_out.release()
    local field = slot .. ':' .. program
    local lease = lease_of(field)
    if lease and lease.attempt <= attempt then free(client, field, lease) end
    return 1
end

-- `value` are the client's slots that hold or await a lease, as bits; it was last started after attempt `program`. If
-- ARGV[8] is 1, what it does not name is free. Of a slot the newest lease is meant.
function carry_out.renew()
    local frees, since, named, leases = ARGV[8] == '1', tonumber(program), value, {}
    for _, field in ipairs(redis.call('HKEYS', holder)) do
        table.insert(leases, {field, lease_of(field)})
    end
    table.sort(leases, function(a, b) return a[2].serial > b[2].serial end)
    for _, one in ipairs(leases) do
        local field, lease = one[1], one[2]
        local bit_of = bit.lshift(1, tonumber(field:match('^%d+')))
        if lease.attempt <= since then
            if frees then free(client, field, lease) end
        elseif not frees or bit.band(named, bit_of) ~= 0 or lease.attempt > attempt then
            refresh(field, lease, 0)
            named = bit.band(named, bit.bnot(bit_of))
        else
            free(client, field, lease)
        end
    end
    return 1
end

-- Take the leases back that were last heard of at `value` or before.
function carry_out.reclaim()
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', 'heard', '-inf', ARGV[7])) do
        local of_client, field = member:match('^(%d+):(.*)$')
        holder = 'client:' .. of_client
        free(of_client, field, lease_of(field))
    end
    return 1
end

-- Whether it serves.
function carry_out.probe()
    return 1
end

redis.call('INCR', 'done')
return carry_out[what]()
