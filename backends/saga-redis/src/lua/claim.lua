-- Finds free sagas, or makes a worker their owner.
local mode, worker, limit = arg(), arg(), tonumber(arg())

local function is_dead(owner) return owner == '-' or lease_until(owner) <= server end

-- The first free sagas of these shapes, by how long they wait: pairs of a time and an id.
local function find()
    local shapes = {}
    local all = redis.call('SMEMBERS', P .. 'shapes')
    local count = tonumber(arg())
    if count < 0 then shapes = all end
    for index = 1, count do shapes[index] = arg() end
    local free = {}
    local owners = redis.call('SMEMBERS', P .. 'owners')
    owners[#owners + 1] = '-'
    for _, owner in ipairs(owners) do
        if is_dead(owner) then
            for _, shape in ipairs(shapes) do
                local key = P .. 'due:' .. owner .. ':' .. shape
                local found = redis.call('ZRANGEBYSCORE', key, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, limit)
                for index = 1, #found, 2 do
                    local head = head_of(found[index])
                    local since = head and due(head, has_requests(head))
                    if since and head.owner == owner and head.shape == shape and tonumber(since) <= now then
                        free[#free + 1] = { tonumber(found[index + 1]), found[index], head }
                    else
                        -- It leads nowhere, or is not what it says.
                        redis.call('ZREM', key, found[index])
                        if head then file(head, head) end
                        save()
                    end
                end
            end
            if owner ~= '-' then
                local has_some = false
                for _, shape in ipairs(all) do
                    has_some = has_some or redis.call('EXISTS', P .. 'due:' .. owner .. ':' .. shape) == 1
                end
                if not has_some then redis.call('SREM', P .. 'owners', owner) end
            end
        end
    end
    table.sort(free, function(a, b)
        if a[1] ~= b[1] then return a[1] < b[1] end
        return a[2] < b[2]
    end)
    while #free > limit do free[#free] = nil end
    return free
end

-- What was claimed and never acknowledged, for its answer may have been lost: told again, if it is still the worker's.
local function unacknowledged(acknowledged)
    local token, ids = string.match(redis.call('GET', P .. 'claims:' .. worker) or '', '^(%S+) (.*)$')
    if not token or token == acknowledged then return nil end
    local claimed = {}
    for id in string.gmatch(ids, '%S+') do
        local head = head_of(id)
        if head and head.owner == worker and not ENDED[head.state] then claimed[#claimed + 1] = id end
    end
    if #claimed == 0 then return nil end
    return { token, claimed }
end

-- The head of a saga that may have been taken, or have ended, since it was found.
local function still_free(id)
    local head = head_of(id)
    if not head or ENDED[head.state] or not is_dead(head.owner) then return nil end
    local since = due(head, has_requests(head))
    return since and tonumber(since) <= now and head
end

local function take(id, event, found)
    local before = found or still_free(id)
    if not before then return false end
    local after = {}
    for name, value in pairs(before) do after[name] = value end
    after.owner = worker
    check(before)
    check(after)
    local sequence = redis.call('LLEN', P .. 'journal:' .. id)
    local moment = text(tick(1))
    after.updated = moment
    log(moment, id, sequence, '1')
    redis.call('HSET', P .. 'head:' .. id, 'owner', worker, 'updated', moment)
    file(after, before)
    redis.call('RPUSH', P .. 'journal:' .. id, moment .. ' ' .. event)
    return true
end

redis.call('XLEN', P .. 'log')
redis.call('EXISTS', P .. 'claims:' .. worker)
if mode == 'find' then
    local answer = {}
    for _, free in ipairs(find()) do
        answer[#answer + 1] = text(free[1])
        answer[#answer + 1] = free[2]
    end
    return answer
end
local event, acknowledged, token = arg(), arg(), arg()
local again = unacknowledged(acknowledged)
if again then return again end
local ids, heads = {}, {}
if mode == 'take' then
    for index = 1, limit do ids[index] = arg() end
else
    for index, free in ipairs(find()) do ids[index], heads[index] = free[2], free[3] end
end
local claimed, failed = {}, nil
for index, id in ipairs(ids) do
    local is_done, is_taken = pcall(take, id, event, heads[index])
    if not is_done then
        failed = is_taken
        break
    end
    if is_taken then claimed[#claimed + 1] = id end
end
if #claimed == 0 then
    -- There is nothing to acknowledge: what was heard of before stays the latest.
    token = acknowledged
else
    redis.call('SET', P .. 'claims:' .. worker, token .. ' ' .. table.concat(claimed, ' '), 'EX', 3600)
end
save()
if failed then return failure(failed) end
return { token, claimed }
