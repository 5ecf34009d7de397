-- Entries of the log from a place on, up to another one: the place, the saga, the sequence and the entry of each. If
-- there are other partitions, whatever is written here later gets a later place.
local from, upto, limit = tonumber(arg()), arg(), tonumber(arg())
local last = math.huge
if upto ~= '+' then
    last = tonumber(upto)
    clock = math.max(clock, last)
    save()
end
local answer = {}
local count = 0
-- The append before may reach beyond the place.
local start = text(from)
local earlier = redis.call('XREVRANGE', P .. 'log', start, '-', 'COUNT', 1)[1]
if earlier then start = earlier[1] end
while count < limit do
    local entries = redis.call('XRANGE', P .. 'log', start, '+', 'COUNT', math.min(limit, 128))
    for _, entry in ipairs(entries) do
        local at = tonumber(string.match(entry[1], '^(%d+)'))
        local id, sequence, events = entry[2][2], tonumber(entry[2][4]), tonumber(entry[2][6])
        if at > last then return answer end
        local skipped = math.max(0, from - at)
        if skipped < events then
            local records = redis.call('LRANGE', P .. 'journal:' .. id, text(sequence + skipped), text(sequence + events - 1))
            -- The saga is gone.
            if #records == 0 then redis.call('XDEL', P .. 'log', entry[1]) end
            for index, record in ipairs(records) do
                local position = at + skipped + index - 1
                if position > last or count >= limit then return answer end
                answer[#answer + 1] = { text(position), id, text(sequence + skipped + index - 1), record }
                count = count + 1
            end
        end
    end
    if #entries == 0 then return answer end
    start = '(' .. entries[#entries][1]
end
return answer
