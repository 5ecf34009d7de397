-- The shapes that no live worker knows, of sagas that none of them owns: pairs of a shape and how many wait or are stuck.
local limit = tonumber(arg())
local workers, alive = {}, {}
local leases = redis.call('HGETALL', P .. 'leases')
for index = 1, #leases, 2 do
    if tonumber(leases[index + 1]) > server then
        workers[#workers + 1] = leases[index]
        alive[leases[index]] = true
    end
end
local function is_known(shape)
    for _, worker in ipairs(workers) do
        if redis.call('SISMEMBER', P .. 'knows:' .. worker, shape) == 1 then return true end
    end
    return false
end

local owners = redis.call('SMEMBERS', P .. 'owners')
owners[#owners + 1] = '-'
local counts, names = {}, {}
for _, shape in ipairs(redis.call('SMEMBERS', P .. 'shapes')) do
    if not is_known(shape) then
        local count = 0
        for _, owner in ipairs(owners) do
            if not alive[owner] then count = count + redis.call('ZCARD', P .. 'due:' .. owner .. ':' .. shape) end
        end
        counts[shape] = count
        names[string.match(shape, '^(.*):%d+:%x+$')] = true
    end
end
-- A stuck saga is due only where something is asked of it: then it is counted already.
for name in pairs(names) do
    for _, id in ipairs(redis.call('ZRANGE', P .. 'state:stuck:' .. name, 0, limit - 1)) do
        local head = head_of(id)
        local is_stuck = head and head.state == 'stuck' and not alive[head.owner] and not has_requests(head)
        if is_stuck and counts[head.shape] then counts[head.shape] = counts[head.shape] + 1 end
    end
end
local answer = {}
for shape, count in pairs(counts) do
    if count > 0 then
        answer[#answer + 1] = shape
        answer[#answer + 1] = count
    end
end
return answer
