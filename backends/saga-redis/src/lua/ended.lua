-- The first sagas that ended before a time in one of these states: id, definition and key, if it has one. None that a
-- publisher has not passed.
local before, limit, passed = arg(), tonumber(arg()), tonumber(arg())

-- The place of the last entry of a saga in the log: that of its append, and its own in that.
local function last_place(id)
    local journal = P .. 'journal:' .. id
    local function at(index) return string.match(redis.call('LINDEX', journal, text(index)) or '', '^(%d+) ') end
    local last = at(-1)
    if not last then return 0 end
    local count = 1
    while at(-1 - count) == last do count = count + 1 end
    return tonumber(last) + count - 1
end

local answer = {}
for _ = 1, tonumber(arg()) do
    local key = P .. 'ended:' .. arg()
    local missing = limit - #answer
    if missing > 0 then
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. before, 'LIMIT', 0, missing)) do
            local head = head_of(id)
            if head and last_place(id) > passed then
                -- It waits for its publishers.
            elseif head then
                answer[#answer + 1] = { id, head.definition, head.key }
            else
                redis.call('ZREM', key, id)
            end
        end
    end
end
return answer
