-- The first sagas that ended before a time in one of these states: id, definition and key, if it has one.
local before, limit = arg(), tonumber(arg())
local answer = {}
for _ = 1, tonumber(arg()) do
    local key = P .. 'ended:' .. arg()
    local missing = limit - #answer
    if missing > 0 then
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. before, 'LIMIT', 0, missing)) do
            local head = head_of(id)
            if head then
                answer[#answer + 1] = { id, head.definition, head.key }
            else
                redis.call('ZREM', key, id)
            end
        end
    end
end
return answer
