-- Before each script. KEYS[1] is the clock of a partition; all that it touches begins with what stands before `clock`,
-- and is in one slot. ARGV[1] is the latest time that the caller has seen.
local P = string.sub(KEYS[1], 1, -6)
local ENDED = { completed = true, compensated = true, cancelled = true, timed_out = true, failed = true }
local STATES = { 'pending', 'running', 'compensating', 'stuck', 'completed', 'compensated', 'cancelled', 'timed_out', 'failed' }

local call = redis.call
local LOG = P .. 'log'

local function text(number) return string.format('%.0f', number) end

local place = 1
local function arg()
    place = place + 1
    return ARGV[place]
end

-- Microseconds by the server's clock: leases are measured by this alone.
local time = call('TIME')
local server = time[1] * 1000000 + time[2]
-- The latest time given to an entry. What the store calls time never goes back behind it, nor behind what the caller
-- has seen elsewhere, unless that is so far ahead that another server's clock must be wrong.
local clock = tonumber(call('GET', KEYS[1]) or '0')
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

local function head_of(id)
    local head = call('HMGET', P .. 'head:' .. id, 'state', 'owner', 'updated', 'created', 'definition', 'version',
        'fingerprint', 'wake', 'asked', 'key', 'labels')
    if not head[1] then return nil end
    local wake = head[8]
    return {
        id = id, state = head[1], owner = head[2] or '-', updated = head[3], created = head[4], definition = head[5],
        shape = head[5] .. ':' .. head[6] .. ':' .. head[7], wake = wake and wake ~= '' and wake or nil,
        -- Whether anything was ever asked of it: if not, it has no requests.
        asked = head[9], key = head[10] or nil, labels = head[11] or '',
    }
end

local function has_requests(head)
    return head.asked and call('EXISTS', P .. 'requests:' .. head.id) == 1
end

-- Since when the saga may be taken up by whoever finds its owner gone; nil for one that rests or has ended.
local function due(head, is_asked)
    if ENDED[head.state] then return nil end
    if is_asked then return head.updated end
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

-- What becomes of the entries of sorted sets: a score, or `false` where one goes. Gathered, and written by `save`, many
-- in one command. Of several changes of one entry the last counts.
local indexes = {}

local function index(key, member, score)
    local changes = indexes[key]
    if not changes then
        changes = {}
        indexes[key] = changes
    end
    changes[member] = score
end

-- A command takes no more arguments than the stack of a script has room for.
local ARGUMENTS_MAX = 4000

local function save_index(key, changes)
    local added, removed = {}, {}
    for member, score in pairs(changes) do
        if score then
            local count = #added
            added[count + 1], added[count + 2] = score, member
            if count + 2 >= ARGUMENTS_MAX then
                call('ZADD', key, unpack(added))
                added = {}
            end
        else
            removed[#removed + 1] = member
            if #removed >= ARGUMENTS_MAX then
                call('ZREM', key, unpack(removed))
                removed = {}
            end
        end
    end
    if added[1] then call('ZADD', key, unpack(added)) end
    if removed[1] then call('ZREM', key, unpack(removed)) end
end

-- Writes what was gathered.
local function save()
    if clock ~= clock_before then
        call('SET', KEYS[1], text(clock))
        clock_before = clock
    end
    local gathered = indexes
    indexes = {}
    for key, changes in pairs(gathered) do save_index(key, changes) end
end

-- Adds to one of the sets of what there is, once a script.
local added = { owners = {}, shapes = {} }

local function add(set, member)
    if added[set][member] then return end
    call('SADD', P .. set, member)
    added[set][member] = true
end

-- Puts the saga where searches and lists find it, and takes it away from where it was.
local function file(head, before)
    local is_elsewhere = before and due_key(before) ~= due_key(head)
    if before then
        if is_elsewhere then index(due_key(before), head.id, false) end
        if before.owner ~= head.owner and before.asked then call('SREM', P .. 'asked:' .. before.owner, head.id) end
        if before.state ~= head.state then index(state_key(before), head.id, false) end
    end
    local is_asked = has_requests(head)
    local since = due(head, is_asked)
    if since then
        index(due_key(head), head.id, since)
        if head.owner ~= '-' then add('owners', head.owner) end
    elseif not is_elsewhere then
        index(due_key(head), head.id, false)
    end
    if is_asked and not ENDED[head.state] then
        call('SADD', P .. 'asked:' .. head.owner, head.id)
    elseif before and head.asked then
        call('SREM', P .. 'asked:' .. head.owner, head.id)
    end
    if not before or before.state ~= head.state then
        index(state_key(head), head.id, head.created)
        if ENDED[head.state] then index(P .. 'ended:' .. head.state, head.id, head.updated) end
        if before and ENDED[before.state] then index(P .. 'ended:' .. before.state, head.id, false) end
    end
    if not before then
        add('shapes', head.shape)
        each_label(head.labels, function(key) index(key, head.id, head.created) end)
    end
end

local checked = {}

local function check_key(command, key)
    if checked[key] then return end
    call(command, key)
    checked[key] = true
end

-- Fails, before anything is written, where one of the keys to be written is not what we made it, or is being moved to
-- another node: a script that fails later leaves behind what it has done.
local function check(head)
    check_key('ZCARD', due_key(head))
    check_key('ZCARD', state_key(head))
    if head.owner ~= '-' then check_key('SCARD', P .. 'owners') end
    if head.asked then
        check_key('SCARD', P .. 'asked:' .. head.owner)
        check_key('HLEN', P .. 'requests:' .. head.id)
    end
    if ENDED[head.state] then check_key('ZCARD', P .. 'ended:' .. head.state) end
end

-- An append of so many events, for publishers: the time and the numbers as text.
local function log(at, id, sequence, count)
    call('XADD', LOG, at .. '-0', 's', id, 'q', sequence, 'n', count)
end

-- The names of all definitions.
local function definitions()
    local names, known = {}, {}
    for _, shape in ipairs(call('SMEMBERS', P .. 'shapes')) do
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

local function lease_until(worker) return tonumber(call('HGET', P .. 'leases', worker) or '0') end
