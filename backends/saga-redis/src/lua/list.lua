-- Sagas by the time of recording, from one label or from states and definitions: pairs of an id and its head.
local is_newest = arg() == 'newest'
local from, before, limit = arg(), arg(), tonumber(arg())
local after_at, after_id = arg(), arg()
local label = arg()
local states, names = {}, {}
for index = 1, tonumber(arg()) do states[index] = arg() end
local count = tonumber(arg())
for index = 1, count do names[index] = arg() end
if count == 0 then names = definitions() end
if #states == 0 then states = STATES end

local found = {}
local function read(key, state)
    local entries
    if is_newest then
        entries = redis.call('ZREVRANGEBYSCORE', key, before, from, 'WITHSCORES', 'LIMIT', 0, limit + 1)
    else
        entries = redis.call('ZRANGEBYSCORE', key, from, before, 'WITHSCORES', 'LIMIT', 0, limit + 1)
    end
    for index = 1, #entries, 2 do
        local id, at = entries[index], tonumber(entries[index + 1])
        local is_behind = after_at == '' or at ~= tonumber(after_at)
        if not is_behind then
            if is_newest then is_behind = id < after_id else is_behind = id > after_id end
        end
        if is_behind then found[#found + 1] = { at, id, key, state } end
    end
end
if label ~= '' then
    read(P .. 'label:' .. label, nil)
else
    for _, state in ipairs(states) do
        for _, name in ipairs(names) do read(P .. 'state:' .. state .. ':' .. name, state) end
    end
end
table.sort(found, function(a, b)
    if is_newest then a, b = b, a end
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
end)
local answer, healed = {}, 0
for index = 1, math.min(#found, limit) do
    local at, id, key, state = unpack(found[index])
    local head = redis.call('HGETALL', P .. 'head:' .. id)
    local is_right = #head > 0
    if is_right and state then is_right = redis.call('HGET', P .. 'head:' .. id, 'state') == state end
    if is_right then
        answer[#answer + 1] = { id, head }
    else
        redis.call('ZREM', key, id)
        local there = head_of(id)
        if there then redis.call('ZADD', state_key(there), there.created, id) end
        healed = healed + 1
    end
end
-- Where entries led nowhere there may be more behind them.
return { answer, (#found > limit or healed > 0) and 1 or 0 }
