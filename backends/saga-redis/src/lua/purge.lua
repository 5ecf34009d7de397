-- Deletes ended sagas with all they have: pairs of an id and the record of its key, if that is in this partition.
local purged = 0
for _ = 1, tonumber(arg()) do
    local id, record = arg(), arg()
    local head = head_of(id)
    if head and ENDED[head.state] then
        local last
        for _, entry in ipairs(redis.call('LRANGE', P .. 'journal:' .. id, 0, -1)) do
            local at = string.match(entry, '^(%d+) ')
            if at and at ~= last then redis.call('XDEL', P .. 'log', at .. '-0') end
            last = at
        end
        if record ~= '' then
            local key = P .. 'key:' .. record
            local holder = redis.call('GET', key)
            if holder and string.sub(holder, 1, #id) == id then redis.call('DEL', key) end
        end
        each_label(head.labels, function(key) redis.call('ZREM', key, id) end)
        redis.call('ZREM', state_key(head), id)
        redis.call('ZREM', P .. 'ended:' .. head.state, id)
        redis.call('ZREM', due_key(head), id)
        redis.call('UNLINK', P .. 'journal:' .. id, P .. 'head:' .. id, P .. 'requests:' .. id)
        purged = purged + 1
    end
end
return purged
