-- Before each script. KEYS[1] is the clock of a partition; all that it touches begins with what stands before `clock`,
-- and is in one slot. ARGV[1] is the latest time that the caller has seen.
local P = string.sub(KEYS[1], 1, -6)
local ENDED = { completed = true, compensated = true, cancelled = true, timed_out = true, failed = true }
local STATES = { 'pending', 'running', 'compensating', 'stuck', 'completed', 'compensated', 'cancelled', 'timed_out', 'failed' }

local function text(number) return string.format('%.0f', number) end

local place = 1
local function arg()
    place = place + 1
    return ARGV[place]
end

-- Microseconds by the server's clock: leases are measured by this alone.
local time = redis.call('TIME')
local server = time[1] * 1000000 + time[2]
-- The latest time given to an entry. What the store calls time never goes back behind it, nor behind what the caller
-- has seen elsewhere, unless that is so far ahead that another server's clock must be wrong.
local clock = tonumber(redis.call('GET', KEYS[1]) or '0')
local clock_before = clock
local now = math.max(server, clock)
local seen = tonumber(ARGV[1])
if seen > now and seen - server < 10000000 then now = seen end

-- The time of an append of so many events: strictly later than all before. Each event's place in the log is one more.
local function tick(count)
    local at = math.max(now, clock + 1)
    clock = at + count - 1
    now = math.max(now, clock)
    return at
end

local function save_clock()
    if clock ~= clock_before then redis.call('SET', KEYS[1], text(clock)) end
end

local function head_of(id)
    local head = redis.call('HMGET', P .. 'head:' .. id, 'state', 'owner', 'wake', 'updated', 'definition', 'version',
        'fingerprint', 'created', 'key', 'labels')
    if not head[1] then return nil end
    return {
        id = id, state = head[1], owner = head[2] or '-', wake = head[3] or nil, updated = head[4],
        definition = head[5], shape = head[5] .. ':' .. head[6] .. ':' .. head[7], created = head[8],
        key = head[9] or nil, labels = head[10] or '',
    }
end

-- Since when the saga may be taken up by whoever finds its owner gone; nil for one that rests or has ended.
local function due(head)
    if ENDED[head.state] then return nil end
    if redis.call('EXISTS', P .. 'requests:' .. head.id) == 1 then return head.updated end
    if head.state == 'stuck' then return nil end
    return head.wake or head.updated
end

local function due_key(head) return P .. 'due:' .. head.owner .. ':' .. head.shape end
local function state_key(head) return P .. 'state:' .. head.state .. ':' .. head.definition end

-- Each label, as `length:name,length:value,`.
local function each_label(labels, each)
    local from = 1
    while from <= #labels do
        local start = from
        for _ = 1, 2 do
            local _, colon, length = string.find(labels, '^(%d+):', from)
            from = colon + 1 + tonumber(length) + 1
        end
        each(P .. 'label:' .. string.sub(labels, start, from - 1))
    end
end

-- Puts the saga where searches and lists find it, and takes it away from where it was.
local function file(head, before)
    if before then
        if due_key(before) ~= due_key(head) then redis.call('ZREM', due_key(before), head.id) end
        if before.owner ~= head.owner then redis.call('SREM', P .. 'asked:' .. before.owner, head.id) end
        if before.state ~= head.state then redis.call('ZREM', state_key(before), head.id) end
    end
    local since = due(head)
    if since then
        redis.call('ZADD', due_key(head), since, head.id)
        if head.owner ~= '-' then redis.call('SADD', P .. 'owners', head.owner) end
    else
        redis.call('ZREM', due_key(head), head.id)
    end
    if not ENDED[head.state] and redis.call('EXISTS', P .. 'requests:' .. head.id) == 1 then
        redis.call('SADD', P .. 'asked:' .. head.owner, head.id)
    elseif before then
        redis.call('SREM', P .. 'asked:' .. head.owner, head.id)
    end
    if not before or before.state ~= head.state then
        redis.call('ZADD', state_key(head), head.created, head.id)
        if ENDED[head.state] then redis.call('ZADD', P .. 'ended:' .. head.state, head.updated, head.id) end
        if before and ENDED[before.state] then redis.call('ZREM', P .. 'ended:' .. before.state, head.id) end
    end
    if not before then
        redis.call('SADD', P .. 'shapes', head.shape)
        each_label(head.labels, function(key) redis.call('ZADD', key, head.created, head.id) end)
    end
end

-- Fails, before anything is written, where one of the keys to be written is not what we made it, or is being moved to
-- another node: a script that fails later leaves behind what it has done.
local function check(head)
    redis.call('SCARD', P .. 'owners')
    redis.call('ZCARD', due_key(head))
    redis.call('ZCARD', state_key(head))
    redis.call('SCARD', P .. 'asked:' .. head.owner)
    redis.call('HLEN', P .. 'requests:' .. head.id)
    if ENDED[head.state] then redis.call('ZCARD', P .. 'ended:' .. head.state) end
end

local function log(at, id, sequence, count)
    redis.call('XADD', P .. 'log', text(at) .. '-0', 's', id, 'q', text(sequence), 'n', count)
end

-- The names of all definitions.
local function definitions()
    local names, known = {}, {}
    for _, shape in ipairs(redis.call('SMEMBERS', P .. 'shapes')) do
        local name = string.match(shape, '^(.*):%d+:%x+$')
        if name and not known[name] then
            known[name] = true
            names[#names + 1] = name
        end
    end
    return names
end

-- The error that a part of the script was stopped by, as the script's answer.
local function failure(raised)
    if type(raised) == 'table' then return raised end
    return redis.error_reply(tostring(raised))
end

local function lease_until(worker) return tonumber(redis.call('HGET', P .. 'leases', worker) or '0') end
