-- Looks at a few entries of the log, from a place on, and at some of each index: what leads nowhere goes, and what is
-- missing comes back. Returns where to go on; an empty text at the end.
local from, limit = arg(), tonumber(arg())
local entries = redis.call('XRANGE', P .. 'log', from == '' and '-' or ('(' .. from), '+', 'COUNT', limit)
for _, entry in ipairs(entries) do
    local head = head_of(entry[2][2])
    if not head then
        redis.call('XDEL', P .. 'log', entry[1])
    elseif entry[2][4] == '0' then
        file(head, nil)
    end
end
save()
for _, name in ipairs(definitions()) do
    for _, state in ipairs(STATES) do
        local key = P .. 'state:' .. state .. ':' .. name
        for _, id in ipairs(redis.call('ZRANDMEMBER', key, 4)) do
            local head = head_of(id)
            if not head or head.state ~= state then
                redis.call('ZREM', key, id)
                if ENDED[state] then redis.call('ZREM', P .. 'ended:' .. state, id) end
            end
        end
    end
end
if #entries < limit then return '' end
return entries[#entries][1]
